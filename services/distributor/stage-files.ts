/** The private directory of one push by rsync: the files as they shall arrive, and the script that becomes ssh. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { failure, Transient } from '../../shared/errors.ts'
import { ensurePrivateDirectory } from '../../shared/state.ts'
import { sshWords } from './ssh-command.ts'
import type { PlacedFile, Push, PushMeans } from './transport.ts'

/** The files that go to one directory of the node. */
export interface StagedDirectory {
  /** On the node, without a slash at its end. */
  readonly path: string
  /** `staged` is where the file lies here, relative to {@link Staged.path}; `number` counts all files of the push, from 1. */
  readonly files: readonly {
    readonly number: number
    readonly file: PlacedFile
    readonly name: string
    readonly staged: string
  }[]
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

/** Throws Transient `disk-full-here` when there is no room for the files. */
export async function stageFiles(push: Push, means: PushMeans): Promise<Staged> {
  const path = await mkdtemp(join(means.staging, 'push-'))
  const remove = () => rm(path, { recursive: true, force: true })
  const directories = groupByDirectory(push.files)
  try {
    await writeFile(join(path, 'rsh'), sshScript(push, means), { mode: 0o600, flag: 'wx' })
    for (const { files } of directories)
      for (const { file, staged } of files) {
        await mkdir(dirname(join(path, staged)), { recursive: true, mode: 0o700 })
        const mode = file.mode === '400' ? 0o400 : 0o644
        await writeFile(join(path, staged), `${file.content}\n`, { mode, flag: 'wx' })
      }
  } catch (error) {
    await remove()
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error
    throw new Transient(failure('disk-full-here', `No space in ${means.staging}.`))
  }
  return { path, directories, [Symbol.asyncDispose]: remove }
}

/** One rsync serves one directory: files by where they go, in their order. Pure. */
export function groupByDirectory(files: readonly PlacedFile[]): StagedDirectory[] {
  const numbered = files.map((file, index) => ({ file, number: index + 1, name: basename(file.path) }))
  const groups = Map.groupBy(numbered, ({ file }) => dirname(file.path))
  return [...groups].map(([path, group], place) => ({
    path,
    files: group.map((one) => ({ ...one, staged: `./${place}/${one.name}` })),
  }))
}

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
