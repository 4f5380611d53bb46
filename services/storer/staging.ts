/**
 * The private surroundings of one storer run: a random id that makes its file names unique in /tmp, a home of its own, and
 * the vault token of (service, credd), staged for the run and taken back after it. Also cleans up after a killed daemon.
 */
import { randomBytes } from 'node:crypto'
import { constants, copyFile, lstat, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../../shared/atomic-file.ts'
import type { Entry } from '../../shared/config/site.ts'
import { failure, Transient } from '../../shared/errors.ts'
import { killProcessesWith } from './orphans.ts'

/** condor_vault_storer always uses /tmp, whatever TMPDIR says. */
const storerTmp = '/tmp'

export interface Stage extends AsyncDisposable {
  /** `CONDOR_VAULT_STORER_ID`: replaces `u<uid>` in every file name of the run. */
  readonly id: string
  /** HOME and XDG_RUNTIME_DIR of the run. */
  readonly home: string
  readonly bearerFile: string
  /** Keeps the vault token that the run left, for the next one. */
  takeBack(): Promise<void>
  /** Forgets the kept vault token: it is not what it should be. */
  discard(): Promise<void>
}

export interface Staging {
  /** Throws Transient `staging-failed`. */
  stage(entry: Entry, credd: string): Promise<Stage>
  /** Ends what a killed storer left: its processes, and its files after taking their vault token back. */
  recover(): Promise<void>
}

/** Runs are staged below `directory` (0700, this daemon's own). */
export function openStaging(directory: string): Staging {
  return {
    async stage(entry, credd) {
      const id = `mt${randomBytes(8).toString('hex')}`
      const run = runOf(directory, id)
      try {
        await makeRun(run, entry, credd)
      } catch (error) {
        await cleanUp(run)
        const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error'
        throw new Transient(
          failure(
            'staging-failed',
            `Could not prepare the files of ${entry.service} for ${credd}: ${reason}.`,
          ),
        )
      }
      const staged = stagedToken(id, entry.service)
      return {
        id,
        home: run.home,
        bearerFile: join(run.home, 'bearer'),
        takeBack: () => keep(staged, keptToken(entry, credd)),
        discard: () => rm(keptToken(entry, credd), { force: true }),
        [Symbol.asyncDispose]: () => cleanUp(run),
      }
    },
    async recover() {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      for (const id of await readdir(directory)) {
        const run = runOf(directory, id)
        await killProcessesWith(`CONDOR_VAULT_STORER_ID=${id}`)
        const [staged, kept] = (await readFile(run.note, 'utf8').catch(() => '')).split('\n')
        if (staged && kept) await keep(staged, kept)
        await cleanUp(run)
      }
    },
  }
}

/** The predecessor's name: `vt_u<uid>-<credd>-<service>`, where uid is this process's. */
export function keptToken(entry: Entry, credd: string): string {
  return join(entry.vaultTokenRoot, `vt_u${process.getuid?.()}-${credd}-${entry.service}`)
}

const stagedToken = (id: string, service: string) => join(storerTmp, `vt_${id}-${service}`)

interface Run {
  readonly id: string
  readonly home: string
  /** Says which file in /tmp is to be taken back to where. */
  readonly note: string
}

function runOf(directory: string, id: string): Run {
  const home = join(directory, id)
  return { id, home, note: join(home, 'staged') }
}

async function makeRun(run: Run, entry: Entry, credd: string): Promise<void> {
  const kept = keptToken(entry, credd)
  const staged = stagedToken(run.id, entry.service)
  await mkdir(run.home, { recursive: true, mode: 0o700 })
  await mkdir(entry.vaultTokenRoot, { recursive: true, mode: 0o700 })
  await writeFile(run.note, `${staged}\n${kept}`, { mode: 0o600 })
  await copyFile(kept, staged, constants.COPYFILE_EXCL).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}

/** Copies a regular, non-empty file of ours; the kept one is replaced atomically or stays. */
async function keep(staged: string, kept: string): Promise<void> {
  const found = await lstat(staged).catch(() => undefined)
  if (!found?.isFile() || found.size === 0 || found.uid !== process.getuid?.()) return
  await writeFileAtomic(kept, await readFile(staged))
}

/** Removes the run's home and every file in /tmp that carries its id. */
async function cleanUp(run: Run): Promise<void> {
  const mine = (await readdir(storerTmp)).filter(
    (name) => name.startsWith(`vt_${run.id}`) || name.startsWith(`bt_${run.id}`),
  )
  for (const name of mine) await rm(join(storerTmp, name), { force: true })
  await rm(run.home, { recursive: true, force: true })
}
