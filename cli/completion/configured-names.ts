/** The names in a configuration, read as fast as may be: the file is neither checked nor resolved, and may be a wrong one. */
import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { parse } from 'yaml'
import { findConfigFile } from '../../shared/config/read/find.ts'

export interface ConfiguredNames {
  readonly experiments: readonly string[]
  readonly services: readonly string[]
  readonly nodes: readonly string[]
}

/** Bytes of the largest file that is read while somebody waits for a word. */
const largestFile = 4 * 1024 * 1024

/** Of the file that was typed (a shell has not replaced its `~` yet), else of the one in the usual places. Throws where there is none. */
export function readConfiguredNames(typed: string | undefined): ConfiguredNames {
  const file = findConfigFile(typed?.replace(/^~(?=\/)/, homedir()))
  const found = statSync(file)
  if (!found.isFile() || found.size > largestFile) throw new Error('not a file that is read here')
  return namesIn(parse(readFileSync(file, 'utf8'), { merge: true, uniqueKeys: false, logLevel: 'silent' }))
}

/** Of a configuration's experiments and their roles. Pure. */
export function namesIn(file: unknown): ConfiguredNames {
  const roles = pairsOf(under(file, 'experiments')).flatMap(([experiment, section]) =>
    pairsOf(under(section, 'roles'))
      .filter(([role]) => /^[a-z0-9]+$/i.test(role))
      .map(([role, one]) => ({ experiment, role, one })),
  )
  return {
    experiments: plain(roles.map(({ experiment }) => experiment.toLowerCase())),
    services: plain(roles.map(({ experiment, role }) => `${experiment}_${role}`.toLowerCase())),
    nodes: plain(roles.flatMap(({ one }) => wordsOf(under(one, 'destinationNodes')))),
  }
}

/** Each once; a name that a shell might read something into is not one. */
const plain = (names: readonly string[]) =>
  [...new Set(names)].filter((name) => /^[a-z0-9][\w.+=-]*$/i.test(name))

const pairsOf = (value: unknown) =>
  typeof value === 'object' && value !== null ? Object.entries<unknown>({ ...value }) : []

/** Keys are the same in any case. */
const under = (value: unknown, key: string) =>
  pairsOf(value).find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1]

/** A list, or one text with its words separated by blanks or commas. */
const wordsOf = (value: unknown) =>
  [value].flat().flatMap((one) => (typeof one === 'string' ? one.split(/[\s,]+/) : []))
