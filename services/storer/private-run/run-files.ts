/**
 * The files of one storer run: a private home with a note that says what belongs to the run, and what condor_vault_storer
 * reads and writes in /tmp. Whatever step a killed run was at, the note is enough to leave /tmp as it was found.
 */
import { chmod, lstat, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from '../../../shared/contracts/zod.ts'
import { removeUnfinished, writeFileAtomic } from '../../../shared/daemon/atomic-file.ts'

/** condor_vault_storer always uses /tmp, whatever TMPDIR says. */
export const storerTmp = '/tmp'

/**
 * `ready`: nothing of the run is in /tmp yet. `making-room`: files found there are being moved aside. `running`: /tmp holds
 * the run's own files. `restoring`: they are gone, and the others are being moved back.
 */
const phases = ['ready', 'making-room', 'running', 'restoring'] as const
const note = z.object({
  service: z.string(),
  realExperiment: z.string(),
  /** Where the vault token is kept between runs. */
  kept: z.string(),
  /** In the middle of file names in /tmp: the run's `storerId`, or `u<uid>`. */
  fileId: z.string(),
  phase: z.enum(phases),
})
export type RunNote = z.infer<typeof note>

export interface RunFiles {
  /** Random: no other run ever has it. */
  readonly id: string
  /**
   * `CONDOR_VAULT_STORER_ID`. By the slash in it, all that condor_vault_storer and its htgettoken write in /tmp, unfinished
   * files included, lies in a directory of the run.
   */
  readonly storerId: string
  readonly home: string
  readonly bearerFile: string
}

export function runFilesOf(directory: string, id: string): RunFiles {
  const home = join(directory, id)
  return { id, storerId: `${id}/t`, home, bearerFile: join(home, 'bearer') }
}

const noteFile = ({ home }: RunFiles) => join(home, 'note.json')
/** The vault token that a run left, once it is no longer in /tmp. */
const takenOut = ({ home }: RunFiles) => join(home, 'vault-token')
const stagedToken = ({ fileId, service }: RunNote) => join(storerTmp, `vt_${fileId}-${service}`)
const isPrivate = ({ id }: RunFiles, { fileId }: Pick<RunNote, 'fileId'>) => fileId.startsWith(id)

/** The note, or undefined when there is none (any more): then the run has been tidied up by somebody. */
export async function readNote(run: RunFiles): Promise<RunNote | undefined> {
  const text = await readFile(noteFile(run), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    return note.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

const write = (run: RunFiles, found: RunNote) => writeFileAtomic(noteFile(run), JSON.stringify(found))

const ownTmp = ({ id }: RunFiles) => join(storerTmp, `vt_${id}`)

/** Makes the home. A run with names of its own that `keeps` a vault token is staged at once, one without in its turn. */
export async function makeRun(run: RunFiles, found: Omit<RunNote, 'phase'>, keeps: boolean): Promise<void> {
  await mkdir(run.home, { recursive: true, mode: 0o700 })
  await mkdir(dirname(found.kept), { recursive: true, mode: 0o700 })
  const begun: RunNote = { ...found, phase: isPrivate(run, found) ? 'running' : 'ready' }
  await write(run, begun)
  if (begun.phase !== 'running' || !keeps) return
  await mkdir(ownTmp(run), { mode: 0o700 })
  await stageToken(begun)
}

/** Moves aside what lies in /tmp under the names of the run, and stages it. Nothing to do for a run with names of its own. */
export async function makeRoom(run: RunFiles): Promise<void> {
  const found = await readNote(run)
  if (!found || isPrivate(run, found)) return
  await write(run, { ...found, phase: 'making-room' })
  for (const name of await filesOf(found))
    await rename(join(storerTmp, name), join(storerTmp, aside(run) + name))
  await write(run, { ...found, phase: 'running' })
  await stageToken(found)
}

/** The opposite, from whatever phase on; safe to repeat. The vault token is taken out of /tmp first. */
export async function giveRoom(run: RunFiles): Promise<void> {
  const found = await readNote(run)
  if (!found || isPrivate(run, found)) return
  if (found.phase === 'running') {
    const token = await readOwn(stagedToken(found))
    if (token) await writeFileAtomic(takenOut(run), token)
    for (const name of await filesOf(found)) await rm(join(storerTmp, name), { force: true })
  }
  if (found.phase !== 'making-room') await write(run, { ...found, phase: 'restoring' })
  for (const name of await readdir(storerTmp))
    if (name.startsWith(aside(run)))
      await rename(join(storerTmp, name), join(storerTmp, name.slice(aside(run).length)))
}

/** The kept vault token is replaced as a whole by the one that the run left, or stays. */
export async function takeBack(run: RunFiles): Promise<void> {
  const found = await readNote(run)
  if (!found) return
  const token = await readOwn(isPrivate(run, found) ? stagedToken(found) : takenOut(run))
  if (token) await writeFileAtomic(found.kept, token)
}

/** Removes what a killed storer left beside the kept vault token of a run. Only while no other storer runs. */
export async function removeHalfKept(run: RunFiles): Promise<void> {
  const found = await readNote(run)
  if (found) await removeUnfinished(dirname(found.kept))
}

/** Removes the run's home and its directory in /tmp. */
export async function removeRun(run: RunFiles): Promise<void> {
  await rm(ownTmp(run), { recursive: true, force: true })
  await rm(run.home, { recursive: true, force: true })
}

/**
 * Removes what a killed htgettoken leaves in /tmp itself, where HTCondor knows no names of one's own: unfinished token files
 * of this user that are no older than the run. Only while no other storer runs.
 */
export async function sweepUnfinished(run: RunFiles): Promise<void> {
  const note = await readNote(run)
  const begun = await lstat(run.home).catch(() => undefined)
  if (!begun || !note || isPrivate(run, note)) return
  for (const name of (await readdir(storerTmp)).filter((one) => one.startsWith('.htgettoken'))) {
    const file = join(storerTmp, name)
    const found = await lstat(file).catch(() => undefined)
    if (!found?.isFile() || found.uid !== process.getuid?.()) continue
    if (found.mtimeMs >= begun.birthtimeMs) await rm(file, { force: true })
  }
}

async function stageToken(found: RunNote): Promise<void> {
  const token = await readOwn(found.kept)
  if (!token) return
  // Writable, whatever the kept one is: with a read-only one the storer cannot fill an emptied credd again.
  await writeFile(stagedToken(found), token, { flag: 'wx', mode: 0o600 })
  await chmod(stagedToken(found), 0o600)
}

const aside = ({ id }: RunFiles) => `.${id}-`

/** Names in /tmp that condor_vault_storer uses for this run, with the temporary ones beside them. */
async function filesOf({ fileId, service }: RunNote): Promise<string[]> {
  const names = ['vt_', 'bt_'].flatMap((kind) => [`${kind}${fileId}`, `${kind}${fileId}-${service}`])
  const isOne = (name: string) => names.some((one) => name === one || name.startsWith(`${one}.`))
  return (await readdir(storerTmp)).filter((name) => isOne(name))
}

/** The content of a regular file of this user, or undefined when it is not one, or empty. */
async function readOwn(file: string): Promise<Buffer | undefined> {
  const found = await lstat(file).catch(() => undefined)
  if (!found?.isFile() || found.size === 0 || found.uid !== process.getuid?.()) return undefined
  return readFile(file)
}
