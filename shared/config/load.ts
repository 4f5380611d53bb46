/** One configuration file, read, checked and resolved into a frozen {@link Site}; all that is wrong with it is said at once. */
import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { withoutSecrets } from '../contracts/one-sentence.ts'
import { checkAcross } from './checks/cross-checks.ts'
import { type Environment, environment } from './environment.ts'
import { checkFile } from './read/check-file.ts'
import { preferredByPredecessor, twoFiles } from './read/find.ts'
import { fold } from './read/fold.ts'
import { TooMuch } from './read/merged-pairs.ts'
import type { Finding } from './read/places.ts'
import { ConfigError, type Problem } from './read/problem.ts'
import { readDocument } from './read/read-document.ts'
import { buildSite } from './resolve/build-site.ts'
import type { Origins } from './resolve/origin.ts'
import { resolveEntries } from './resolve/resolve.ts'
import { ownSections, siteFile } from './schema/schema.ts'
import type { Site } from './site.ts'

export interface LoadedSite {
  readonly site: Site
  readonly warnings: readonly Problem[]
  /** Where each value of each entry comes from, by entry name. */
  readonly origins: Origins
}

/** Reads and checks `file`. Throws {@link ConfigError} with every problem, warnings included. */
export function loadSite(file: string, variables: Environment = environment): LoadedSite {
  const loaded = loadSiteFrom(file, readSiteFile(file), variables)
  const other = preferredByPredecessor(file)
  return other === undefined ? loaded : { ...loaded, warnings: [besides(file, other), ...loaded.warnings] }
}

const besides = (file: string, other: string): Problem => ({
  ...{ severity: 'warning', file, line: 1, column: 1, path: '' },
  message: twoFiles(file, other),
})

/** SHA-256 (hex) of the file's bytes. */
export const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/** Bytes of the largest file that is read: 100,000 nodes fit. */
const largestFile = 4 * 1024 * 1024

/** The file's bytes. Throws {@link ConfigError}. */
export function readSiteFile(file: string): Buffer {
  try {
    return readBounded(file)
  } catch (error) {
    if (error instanceof ConfigError) throw error
    const { code } = error as NodeJS.ErrnoException
    throw refuseWhole(
      file,
      unreadable[code ?? ''] ?? `cannot be read (${code ?? 'unknown reason'}) — expected a readable file`,
    )
  }
}

/** Opened without waiting, as a pipe would have it. */
function readBounded(file: string): Buffer {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const found = fstatSync(descriptor)
    if (!found.isFile() && !found.isDirectory())
      throw refuseWhole(file, 'this is a pipe, a socket or a device — expected a file')
    if (found.size > largestFile)
      throw refuseWhole(
        file,
        `the file has ${found.size} bytes, more than the ${largestFile} that are read — expected a configuration as in docs/configuration.md`,
      )
    return readFileSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** What is wrong with a file as a whole. */
const refuseWhole = (file: string, message: string) =>
  new ConfigError([{ severity: 'error', file, line: 1, column: 1, path: '', message }])

/** Follows the aliases of a few lines no further than a file may go that says all of it. */
function foldWithin<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof TooMuch)) throw error
    throw refuseWhole(
      file,
      'the file says too much: aliases (*name) and merged maps (<<) inside each other are counted each time — expected fewer of them',
    )
  }
}

const unreadable: Record<string, string> = {
  ENOENT: 'there is no such file — expected the path of a managedTokens.yml after --config',
  EACCES: 'this user may not read the file — expected read permission on it and its directories',
  EISDIR: 'this is a directory — expected a file',
}

/** The same for bytes already read. */
export function loadSiteFrom(file: string, bytes: Buffer, variables: Environment = environment): LoadedSite {
  const problems: Problem[] = []
  const note = (findings: readonly Finding[]) => {
    // What was pasted in a wrong place is quoted, and may be a token.
    for (const { message, path, ...finding } of findings)
      problems.push({ file, ...finding, path: withoutSecrets(path), message: withoutSecrets(message) })
  }
  const { document, lines, findings } = readDocument(bytes)
  note(findings)
  if (problems.length > 0) throw refuse(problems)

  const folded = foldWithin(file, () => fold(document, lines, siteFile, ownSections))
  const checked = checkFile(folded)
  note(folded.findings)
  note(checked.findings)
  if (!checked.file) throw refuse(problems)

  const resolved = resolveEntries({ file: checked.file, folded, isRefused: checked.isRefused })
  note(resolved.findings)
  note(checkAcross(checked.file, resolved.entries, folded, file))
  if (problems.some(({ severity }) => severity === 'error')) throw refuse(problems)

  return {
    site: buildSite({
      path: file,
      hash: hashOf(bytes),
      file: checked.file,
      entries: resolved.entries,
      variables,
    }),
    warnings: Object.freeze(inOrder(problems)),
    origins: new Map(resolved.entries.map(({ entry, origins }) => [entry.name, origins])),
  }
}

const refuse = (problems: readonly Problem[]) => new ConfigError(inOrder(problems))

function inOrder(problems: readonly Problem[]): Problem[] {
  const unique = new Map(problems.map((problem) => [JSON.stringify(problem), problem]))
  return [...unique.values()].sort((a, b) => a.line - b.line || a.column - b.column)
}
