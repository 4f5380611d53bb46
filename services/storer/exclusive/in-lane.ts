/** Runs a store in a lane, under the lease and the host's locks, waiting for whoever else has one of these: an orphan, or a person at a terminal. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { failure, RetryLater } from '../../../shared/contracts/errors.ts'
import type { Lease } from '../../../shared/work/lease.ts'
import { runStorer } from '../condor/run-storer.ts'
import type { StorerRun } from '../condor/storer-run.ts'
import type { ExclusiveQueue } from './exclusive-queue.ts'
import { type Lock, LockHeld, locksOf, mustBeUnlocked } from './locks.ts'
import { isHeldNow } from './while-leader.ts'

export interface InLaneDeps {
  readonly lanes: ExclusiveQueue
  readonly lease: Lease
  readonly lockFile: string
}

/** How soon an item comes again that reached a storer without the lease, or met a lock for too long (milliseconds). */
const standbyMs = 1_000
/** How soon to look again whether a lock is free (milliseconds). */
const lockRetryMs = 200

/** Whoever holds a lock longer than a storer may run is reported; meanwhile the lane is somebody else's. */
export async function runInLane(run: StorerRun, log: Logger, deps: InLaneDeps): Promise<void> {
  const { signal, site } = run
  const patience = performance.now() + site.timeouts.vaultStorerMs
  for (let tries = 0; ; tries++) {
    const held = await deps.lanes.inTurn((lane) => runOnce(run, lane, deps), signal)
    if (!held) return
    if (tries === 0) log.warn({ lockFile: held.file }, 'another storer runs on this host: waiting for it')
    if (performance.now() > patience) throw lockedFor(run, held)
    await sleep(lockRetryMs, undefined, { signal })
  }
}

/** Answers the lock that somebody else held: then nothing was done. */
async function runOnce(run: StorerRun, lane: number, deps: InLaneDeps): Promise<LockHeld | undefined> {
  const { entry, credd, stage } = run
  if (!(await isHeldNow(deps.lease).catch(() => false))) throw new RetryLater(standbyMs)
  const locks = locksOf(deps.lockFile, entry, credd, lane)
  try {
    if (stage.hasOwnNames) await runStorer(run, locks)
    else await runUnderSharedNames(run, locks)
    return undefined
  } catch (error) {
    if (error instanceof LockHeld) return error
    throw error
  }
}

/** Names in /tmp that it shares with others may be touched only when nobody else uses them. */
async function runUnderSharedNames(run: StorerRun, locks: readonly Lock[]): Promise<void> {
  const { stage } = run
  await mustBeUnlocked(locks, run.signal)
  await stage.enter()
  let endedWell = false
  try {
    await runStorer(run, locks)
    endedWell = true
  } finally {
    await stage.leave(endedWell)
  }
}

function lockedFor({ entry, credd, site }: StorerRun, { file }: LockHeld): RetryLater {
  const waited = Math.round(site.timeouts.vaultStorerMs / 1_000)
  const message = `No vault token of ${entry.service} in ${credd}: somebody has held ${file} on this host for ${waited} s.`
  return new RetryLater(standbyMs, failure('storer-locked', message))
}
