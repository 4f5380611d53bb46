/**
 * "Too Many Requests" from Vault stops refresher and storer together, for `vault.rateLimitPause`: until then Vault refuses
 * whatever it is asked. After that both ask more slowly.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KV, KvEntry } from '@nats-io/kv'
import type { Logger } from 'pino'
import { isBusError, mayAnswerLater } from '../bus/bus-errors.ts'
import { patiently } from '../bus/patiently.ts'
import { valueIn } from '../bus/read-value.ts'
import type { Site } from '../config/site.ts'
import { codeOf, RetryLater } from '../contracts/errors.ts'
import { timestamp } from '../contracts/messages.ts'
import { vaultPauseKey } from '../contracts/subjects.ts'
import { z } from '../contracts/zod.ts'
import type { VaultBudget } from './budget.ts'

const pause = z.object({ until: z.iso.datetime({ offset: true }) })

/** What some work is about to ask of Vault. */
export interface VaultQuestions {
  /** How many requests it makes. */
  readonly requests: number
  /** Ends the wait for their turn: the daemon stops. */
  readonly signal: AbortSignal
}

export interface VaultPause {
  /**
   * Runs `work` when it is its turn, unless a pause is on: then throws RetryLater until its end. A rate limit in `work`
   * starts a pause, and is waited out as well where that ends before the run's `deadline`; otherwise it is the failure
   * that it is. The signal given to `work` is aborted when somebody else's work starts a pause.
   */
  afterPause<T>(
    deadline: string,
    work: (signal: AbortSignal) => Promise<T>,
    asks?: VaultQuestions,
  ): Promise<T>
}

export interface VaultPauseOptions {
  readonly budget?: VaultBudget
  readonly log?: Logger
}

/** How soon the watch for pauses is begun again where the bus has ended it (milliseconds). */
const watchAgainMs = 1_000

/** The pause lies in the bucket `targets`, which both daemons write and watch. */
export function openVaultPause(
  targets: KV,
  site: () => Pick<Site, 'vault'>,
  { budget, log }: VaultPauseOptions = {},
): VaultPause {
  const working = new Set<AbortController>()
  /** When we first saw the pause that lies there (monotonic, milliseconds), whatever its writer's clock said. */
  let seen: { readonly revision: number; readonly at: number } | undefined
  if (log) void watchForEver(log)

  async function left(signal?: AbortSignal): Promise<number> {
    const found = await patiently(() => targets.get(vaultPauseKey), { signal, log })
    return found ? leftOf(found) : 0
  }

  function leftOf(found: KvEntry): number {
    const data = valueIn(found, pause)
    if (!data) return 0
    const isNew = seen?.revision !== found.revision
    if (isNew) seen = { revision: found.revision, at: performance.now() }
    const longestMs = site().vault.rateLimitPause
    const saidMs = Date.parse(data.until) - Date.now()
    const leftMs = pauseLeft(saidMs, performance.now() - (seen?.at ?? 0), longestMs)
    if (isNew && saidMs > longestMs + watchAgainMs)
      log?.warn({ until: data.until, leftMs }, 'Vault’s pause is longer than any of ours: it is cut short')
    return leftMs
  }

  async function refuseWhilePaused(signal?: AbortSignal): Promise<void> {
    const waitMs = await left(signal)
    if (waitMs > 0) throw new RetryLater(waitMs + 1_000 * Math.random())
  }

  async function watchForEver(logger: Logger): Promise<void> {
    for (;;)
      try {
        await stopWorkAtPauses(logger)
        await sleep(watchAgainMs, undefined, { ref: false })
      } catch (error) {
        if (isBusError(error) && !mayAnswerLater(error)) return
        logger.warn({ reason: (error as Error).message }, 'cannot watch for pauses of Vault: trying again')
        await sleep(watchAgainMs, undefined, { ref: false })
      }
  }

  /** What is under way would ask on, for seconds: it is stopped here and done again after the pause. */
  async function stopWorkAtPauses(logger: Logger): Promise<void> {
    for await (const entry of await targets.watch({ key: vaultPauseKey })) {
      if (leftOf(entry) <= 0) continue
      logger.warn({ working: working.size }, 'Vault asks for a pause')
      for (const one of working) one.abort(new Error('Vault asks for a pause'))
    }
  }

  async function start(deadline: string): Promise<RetryLater | undefined> {
    const pauseMs = site().vault.rateLimitPause
    const until = timestamp(new Date(Date.now() + pauseMs))
    await patiently(() => targets.put(vaultPauseKey, JSON.stringify({ until })), { log })
    const requestsPer5Min = await budget?.slowDown()
    log?.warn({ until, requestsPer5Min }, 'Vault has limited our rate: asking more slowly after a pause')
    return until < deadline ? new RetryLater(pauseMs) : undefined
  }

  return {
    async afterPause(deadline, work, asks) {
      await refuseWhilePaused(asks?.signal)
      const controller = new AbortController()
      working.add(controller)
      try {
        if (budget && asks) {
          const waited = await budget.pace(asks.requests, AbortSignal.any([asks.signal, controller.signal]))
          if (waited) await refuseWhilePaused(asks.signal)
        }
        return await work(controller.signal)
      } catch (error) {
        if (codeOf(error) === 'rate-limited') throw (await start(deadline)) ?? error
        // Whatever it says, it was stopped in the middle.
        if (controller.signal.aborted) await refuseWhilePaused(asks?.signal)
        throw error
      } finally {
        working.delete(controller)
      }
    },
  }
}

/**
 * How long a pause lasts that says so many milliseconds and was first seen so long ago; not positive when it is over. Never
 * longer than ours are, whatever clock it was written by. Pure.
 */
export const pauseLeft = (saidMs: number, seenForMs: number, longestMs: number): number =>
  Math.min(saidMs, longestMs - seenForMs)
