import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { type Daemon, daemons } from '../../../../shared/contracts/subjects.ts'
import { knownPrograms } from '../../../../shared/telemetry/metrics/known-programs.ts'

const root = resolve(import.meta.dirname, '../../../..')

/** The text of every module that a daemon loads. */
function readModules(daemon: Daemon): string[] {
  const texts = new Map<string, string>()
  const read = (file: string) => {
    if (texts.has(file)) return
    const text = readFileSync(file, 'utf8')
    texts.set(file, text)
    // Types are gone when it runs.
    const loaded = text.replace(/^import type [^']*'[^']+'/gm, '')
    for (const [, path = ''] of loaded.matchAll(/(?:from |import\()'(\.[^']+\.ts)'/g))
      read(resolve(dirname(file), path))
  }
  read(resolve(root, `services/${daemon}/main.ts`))
  return [...texts.values()]
}

/** Those that are named where they are run: some are paths of the configuration besides. */
const programsIn = (texts: readonly string[]) =>
  texts.flatMap((text) =>
    [...text.matchAll(/(?:run|prepare)Command\(\{([\s\S]*?)timeoutMs/g)].flatMap(([, words = '']) => {
      const named = /name: ([^\n]+)/.exec(words)?.[1] ?? /file: ([^\n]+)/.exec(words)?.[1] ?? ''
      return [...named.matchAll(/'([\w-]+)'/g)].map(([, name = '']) => name)
    }),
  )

describe('what a daemon runs is known beforehand', () => {
  for (const daemon of daemons)
    it(`every program that the ${daemon} runs`, () =>
      assert.deepEqual(
        [...new Set(programsIn(readModules(daemon)))].sort(),
        [...knownPrograms[daemon]].sort(),
      ))
})
