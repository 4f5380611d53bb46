/**
 * The private surroundings of one storer run: a random id that gives it a place of its own in /tmp, a home of its own, and
 * the vault token of (service, credd), staged for the run and taken back after it. Also cleans up after a killed daemon.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Entry } from '../../../shared/config/site.ts'
import { failedWith } from '../../../shared/contracts/errors.ts'
import { namesService } from '../condor/whose-token.ts'
import { killProcessesWith } from '../exclusive/orphans.ts'
import {
  giveRoom,
  makeRoom,
  makeRun,
  type RunFiles,
  readNote,
  removeHalfKept,
  removeRun,
  runFilesOf,
  sweepUnfinished,
  takeBack,
} from './run-files.ts'

export interface Stage extends AsyncDisposable {
  /** `CONDOR_VAULT_STORER_ID`: replaces `u<uid>` in every file name of the run, where HTCondor knows it. */
  readonly id: string
  /** False: its files in /tmp are `u<uid>`'s. */
  readonly hasOwnNames: boolean
  /** HOME and XDG_RUNTIME_DIR of the run. */
  readonly home: string
  readonly bearerFile: string
  /** Right before the storer runs, with nobody beside it: makes room in /tmp where the run has no names of its own. */
  enter(): Promise<void>
  /** Right after it, still alone: /tmp is as it was found. What a storer left that did not end well is swept. */
  leave(endedWell: boolean): Promise<void>
  /** False when another storer has taken over meanwhile and tidied this run up: nothing of it may be used any more. */
  isOurs(): Promise<boolean>
  /** Keeps the vault token that the run left, for the next one. */
  takeBack(): Promise<void>
  /** Forgets the kept vault token: it is not what it should be. */
  discard(): Promise<void>
}

export interface StageOptions {
  /** False where HTCondor is too old for names of one's own in /tmp. Default: true. */
  readonly ownNames?: boolean
  /** False where no vault token is kept between runs, so that none is staged in /tmp. Default: true. */
  readonly keeps?: boolean
}

export interface Staging {
  /** Throws Transient `staging-failed`. */
  stage(entry: Entry, credd: string, options?: StageOptions): Promise<Stage>
  /** Ends what killed storers left, here and beside us: their processes, and their files after taking their vault token back. */
  recover(): Promise<void>
}

/**
 * Runs are staged below `directory` (0700, this daemon's own). `replicas` lists the directories of all storers of this
 * host, of which only the holder of the lease may have a run.
 */
export function openStaging(
  directory: string,
  replicas: () => Promise<readonly string[]> = async () => [directory],
): Staging {
  /** Runs of this process. They are no orphans: nobody has taken over from us if it is us who take the lease again. */
  const alive = new Set<string>()
  return {
    async stage(entry, credd, { ownNames = true, keeps = true } = {}) {
      const id = `mt${randomBytes(8).toString('hex')}`
      const run = runFilesOf(directory, id)
      const { service, realExperiment } = entry
      const fileId = ownNames ? run.storerId : `u${process.getuid?.()}`
      const kept = keptToken(entry, credd)
      const remove = async () => {
        await removeRun(run)
        alive.delete(id)
      }
      alive.add(id)
      try {
        await makeRun(run, { service, realExperiment, kept, fileId }, keeps)
      } catch (error) {
        await remove()
        throw stagingFailed(entry, credd, error)
      }
      return {
        id: run.storerId,
        hasOwnNames: ownNames,
        home: run.home,
        bearerFile: run.bearerFile,
        async enter() {
          await makeRoom(run).catch(async (error: unknown) => {
            await giveRoom(run)
            throw stagingFailed(entry, credd, error)
          })
        },
        async leave(endedWell) {
          await giveRoom(run)
          if (!endedWell) await sweepUnfinished(run)
        },
        isOurs: async () => (await readNote(run)) !== undefined,
        takeBack: () => takeBack(run),
        discard: () => rm(kept, { force: true }),
        [Symbol.asyncDispose]: remove,
      }
    },
    async recover() {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      for (const one of await replicas())
        for (const id of await readdir(one)) if (!alive.has(id)) await recoverRun(runFilesOf(one, id))
    },
  }
}

async function recoverRun(run: RunFiles): Promise<void> {
  await killProcessesWith(`CONDOR_VAULT_STORER_ID=${run.storerId}`)
  await giveRoom(run)
  const note = await readNote(run)
  const bearer = await readFile(run.bearerFile, 'utf8').catch(() => '')
  if (note && namesService(bearer.trim(), note)) await takeBack(run)
  await sweepUnfinished(run)
  await removeHalfKept(run)
  await removeRun(run)
}

/** The predecessor's name: `vt_u<uid>-<credd>-<service>`, where uid is this process's. */
export function keptToken(entry: Entry, credd: string): string {
  return join(entry.vaultTokenRoot, `vt_u${process.getuid?.()}-${credd}-${entry.service}`)
}

function stagingFailed(entry: Entry, credd: string, error: unknown): Error {
  const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error'
  return failedWith(
    'staging-failed',
    `Could not prepare the files of ${entry.service} for ${credd}: ${reason}.`,
  )
}
