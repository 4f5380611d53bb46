/** The private directory of one push by rsync: the files as they shall arrive, and the script that becomes ssh. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { failedWith } from '../../../shared/contracts/errors.ts'
import { ensurePrivateDirectory } from '../../../shared/daemon/state.ts'
import { sshWords } from '../ssh/ssh-command.ts'
import { refuseUnlessWords } from '../token/files.ts'
import { type FilesOfDirectory, groupByDirectory, type NumberedFile } from './by-directory.ts'
import { type PlacedFile, type Push, type PushMeans, textOf } from './push.ts'

export interface StagedDirectory extends FilesOfDirectory {
  /** `staged` is where the file lies here, relative to {@link Staged.path}. */
  readonly files: readonly (NumberedFile & { readonly staged: string })[]
}

export interface Staged extends AsyncDisposable {
  /** The directory itself: 0700, and gone when disposed. */
  readonly path: string
  readonly directories: readonly StagedDirectory[]
}

/** Makes the directory for pushes, and removes what a killed daemon left in it. Returns its path. */
export async function emptyStaging(directory: string): Promise<string> {
  await rm(directory, { recursive: true, force: true })
  return ensurePrivateDirectory(directory)
}

/** Throws Permanent `content-refused`, and Transient `disk-full-here` when there is no room for the files. */
export async function stageFiles(push: Push, means: PushMeans): Promise<Staged> {
  refuseUnlessWords(push.files)
  const path = await mkdtemp(join(means.staging, 'push-'))
  const remove = () => rm(path, { recursive: true, force: true })
  const directories = stagedDirectories(push.files)
  try {
    await writeFile(join(path, 'rsh'), sshScript(push, means), { mode: 0o600, flag: 'wx' })
    for (const { files } of directories)
      for (const { file, staged } of files) {
        await mkdir(dirname(join(path, staged)), { recursive: true, mode: 0o700 })
        const mode = file.mode === '400' ? 0o400 : 0o644
        await writeFile(join(path, staged), textOf(file), { mode, flag: 'wx' })
      }
  } catch (error) {
    await remove()
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error
    throw failedWith('disk-full-here', `No space in ${means.staging}.`)
  }
  return { path, directories, [Symbol.asyncDispose]: remove }
}

/** One rsync serves one directory. Pure. */
export const stagedDirectories = (files: readonly PlacedFile[]): StagedDirectory[] =>
  groupByDirectory(files).map((directory, place) => ({
    path: directory.path,
    files: directory.files.map((one) => ({ ...one, staged: `./${place}/${one.name}` })),
  }))

/**
 * rsync puts the node and the remote command behind it. A script, because rsync would split the words of ssh by rules of
 * its own. Pure.
 */
export function sshScript(
  { entry }: Pick<Push, 'entry'>,
  means: Pick<PushMeans, 'ssh' | 'control' | 'connectMs'>,
): string {
  const words = ['setpriv', '--pdeathsig', 'KILL', '--', means.ssh, ...sshWords(entry, means)]
  const enter = means.control ? `cd ${quote(means.control.directory)} && ` : ''
  return `${enter}exec ${words.map(quote).join(' ')} "$@"\n`
}

/** A word that the shell takes as it is. */
const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`
