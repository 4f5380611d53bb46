/** Who of several replicas consumes: the one with the lease. The others stand by, and say so. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { patiently } from '../../../shared/bus/patiently.ts'
import type { Lease } from '../../../shared/work/lease.ts'

/** How often the lease is looked at (milliseconds): who holds it asks again before each run anyway. */
const lookMs = { standingBy: 500, holding: 5_000 }
/** How old an answer about the lease may be (milliseconds): less than a lease lasts without a sign of life. */
const freshMs = 2_000

/**
 * Calls `start` when the lease is ours and disposes of what it returned when it is not any more, for ever. Returns at once;
 * disposing stops both.
 */
export function serveWhileHeld(
  lease: Lease,
  start: () => Promise<AsyncDisposable>,
  log: Logger,
): AsyncDisposable {
  const stop = new AbortController()
  const serving = serve()

  async function serve(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        if (await becomesHeld()) await serveOnce()
      } catch (error) {
        log.warn({ reason: (error as Error).message }, 'cannot start to consume: trying again')
        await pause(lookMs.standingBy)
      }
    }
  }

  async function serveOnce(): Promise<void> {
    await using _consumption = await start()
    while (!stop.signal.aborted && (await lease.held().catch(() => true))) await pause(lookMs.holding)
    if (!stop.signal.aborted) log.warn('another replica has taken over: handing back what is left')
  }

  /** False when it is time to stop. Where the bus is away, nothing can be consumed either. */
  async function becomesHeld(): Promise<boolean> {
    for (let asked = 0; !stop.signal.aborted; asked++) {
      if (await lease.held().catch(() => false)) return true
      if (asked === 0) log.info('standing by: another replica holds the lease')
      await pause(lookMs.standingBy)
    }
    return false
  }

  const pause = (ms: number) => sleep(ms, undefined, { signal: stop.signal }).catch(() => undefined)

  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await serving
    },
  }
}

/** Whether the lease is ours *now*. */
export async function isHeldNow(lease: Lease): Promise<boolean> {
  for (;;) {
    const asked = performance.now()
    const held = await lease.held()
    // An answer from before a sleep of this process says nothing.
    if (!held || performance.now() - asked < freshMs) return held
  }
}

/** The same at the end of a run, when the bus may be away for a while: what was done is not thrown away for that. */
export const isStillHeld = (lease: Lease, signal: AbortSignal): Promise<boolean> =>
  patiently(() => isHeldNow(lease), { signal })
