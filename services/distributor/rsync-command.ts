/** rsync's words for each step of a push. Nothing passes a shell of ours, and no name can be taken for an option or a host. Pure. */
import type { StagedDirectory } from './stage-files.ts'
import type { Push } from './transport.ts'

/** Runs the staged script that becomes ssh; rsync itself splits this at its blanks. */
const throughSsh = '--rsh=/bin/sh ./rsh'

/** Asks the node for the owner of a process of the account, without a change anywhere. */
export const ownerWords = ({ node }: Pick<Push, 'node'>): string[] => [
  ...['--dry-run', '--owner', '--numeric-ids', '--out-format=%U', throughSsh],
  ...['--', `${node}:/proc/self/status`, './'],
]

/**
 * Copies a directory's files, always anew: by size and time alone, a file that somebody planted would pass for ours. The
 * operator's words come first, so that they cannot have a token written into a file that is there already.
 */
export const copyWords = (
  { entry, node }: Pick<Push, 'entry' | 'node'>,
  { path, files }: StagedDirectory,
): string[] => [
  ...entry.fileCopierOptions,
  ...['--ignore-times', '--whole-file', '--no-inplace', '--no-append', throughSsh],
  ...['--', ...files.map(({ staged }) => staged), `${node}:${path}/`],
]

/** Compares what lies there with what was staged, without a change: type, content, owner and mode of each. */
export const lookWords = ({ node }: Pick<Push, 'node'>, { path, files }: StagedDirectory): string[] => [
  ...['--dry-run', '--checksum', '--owner', '--perms', '--numeric-ids'],
  ...['--itemize-changes', '--itemize-changes', '--out-format=%i %U %B %n', throughSsh],
  ...['--', ...files.map(({ name }) => `${node}:${path}/${name}`), `./${stagedPlace(files)}/`],
]

const stagedPlace = (files: StagedDirectory['files']) => files[0]?.staged.split('/')[1] ?? ''
