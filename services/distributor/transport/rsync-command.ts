/** rsync's words for each step of a push. Nothing passes a shell of ours, and no name can be taken for an option or a host. Pure. */

import type { Push } from './push.ts'
import type { StagedDirectory } from './stage-files.ts'

/** Runs the staged script that becomes ssh; rsync itself splits this at its blanks. */
const throughSsh = '--rsh=/bin/sh ./rsh'

/** A node that was asked and hears no more ends by itself. */
const endsAfter = (timeoutMs: number) => `--timeout=${Math.ceil(timeoutMs / 1_000)}`

/** Asks the node for the owner of a process of the account, and of the directories with their modes, without a change anywhere. */
export const ownerWords = (
  { node }: Pick<Push, 'node'>,
  directories: readonly Pick<StagedDirectory, 'path'>[],
  timeoutMs: number,
): string[] => [
  ...['--dry-run', '--dirs', '--copy-links', '--relative', '--no-implied-dirs'],
  ...['--owner', '--perms', '--numeric-ids', '--out-format=%i %U %B %n', endsAfter(timeoutMs), throughSsh],
  ...['--', `${node}:${ownProcess}`, ...directories.map(({ path }) => `${node}:${path}`), './'],
]

/** Belongs to whoever looks at it. */
export const ownProcess = '/proc/self/status'

/**
 * Copies a directory's files, always anew: by size and time alone, a file that somebody planted would pass for ours. The
 * operator's words come first, so that they cannot have a token written into a file that is there already, or leave a part of
 * one. What rsync writes into has a random name, was not there before (O_EXCL), and is the account's alone (0600).
 */
export const copyWords = (
  { entry, node }: Pick<Push, 'entry' | 'node'>,
  { path, files }: StagedDirectory,
  timeoutMs: number,
): string[] => [
  ...entry.fileCopierOptions,
  ...['--ignore-times', '--whole-file', '--no-inplace', '--no-append', '--no-partial'],
  ...[endsAfter(timeoutMs), throughSsh],
  ...['--', ...files.map(({ staged }) => staged), `${node}:${path}/`],
]

/** Compares what lies there with what was staged, without a change: type, content, owner and mode of each. */
export const lookWords = (
  { node }: Pick<Push, 'node'>,
  { path, files }: StagedDirectory,
  timeoutMs: number,
): string[] => [
  ...['--dry-run', '--checksum', '--owner', '--perms', '--numeric-ids'],
  ...['--itemize-changes', '--itemize-changes', '--out-format=%i %U %B %n', endsAfter(timeoutMs), throughSsh],
  ...['--', ...files.map(({ name }) => `${node}:${path}/${name}`), `./${stagedPlace(files)}/`],
]

const stagedPlace = (files: StagedDirectory['files']) => files[0]?.staged.split('/')[1] ?? ''
