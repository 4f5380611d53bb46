/** "Too Many Requests" from Vault stops refresher and storer together, for `vault.rateLimitPause`: asking on prolongs the refusal. */
import type { KV } from '@nats-io/kv'
import type { Logger } from 'pino'
import type { Site } from './config/site.ts'
import { RetryLater, Transient } from './errors.ts'
import { timestamp } from './messages.ts'
import { vaultPauseKey } from './subjects.ts'
import type { VaultBudget } from './vault-budget.ts'
import { z } from './zod.ts'

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
  heed<T>(deadline: string, work: (signal: AbortSignal) => Promise<T>, asks?: VaultQuestions): Promise<T>
}

export interface VaultPauseOptions {
  readonly budget?: VaultBudget
  readonly log?: Logger
}

/** The pause lies in the bucket `targets`, which both daemons write and watch. */
export function openVaultPause(
  targets: KV,
  site: () => Pick<Site, 'vault'>,
  { budget, log }: VaultPauseOptions = {},
): VaultPause {
  const working = new Set<AbortController>()
  if (log)
    stopWorkAtPauses(log).catch((error: unknown) =>
      log.warn({ err: error }, 'cannot watch for pauses: work under way will not be stopped at one'),
    )

  async function left(): Promise<number> {
    const found = await targets.get(vaultPauseKey)
    return found?.operation === 'PUT' ? leftOf(found.json()) : 0
  }

  async function refuseWhilePaused(): Promise<void> {
    const waitMs = await left()
    if (waitMs > 0) throw new RetryLater(waitMs + 1_000 * Math.random())
  }

  /** What is under way would ask on, for seconds: it is stopped here and done again after the pause. */
  async function stopWorkAtPauses(logger: Logger): Promise<void> {
    for await (const entry of await targets.watch({ key: vaultPauseKey })) {
      if (entry.operation !== 'PUT' || leftOf(entry.json()) <= 0) continue
      logger.warn({ working: working.size }, 'Vault asks for a pause')
      for (const one of working) one.abort(new Error('Vault asks for a pause'))
    }
  }

  async function start(deadline: string): Promise<RetryLater | undefined> {
    const pauseMs = site().vault.rateLimitPause
    const until = timestamp(new Date(Date.now() + pauseMs))
    await targets.put(vaultPauseKey, JSON.stringify({ until }))
    return until < deadline ? new RetryLater(pauseMs) : undefined
  }

  return {
    async heed(deadline, work, asks) {
      await refuseWhilePaused()
      const controller = new AbortController()
      working.add(controller)
      try {
        if (budget && asks) {
          const waited = await budget.pace(asks.requests, AbortSignal.any([asks.signal, controller.signal]))
          if (waited) await refuseWhilePaused()
        }
        return await work(controller.signal)
      } catch (error) {
        if (error instanceof Transient && error.failure.code === 'rate-limited')
          throw (await start(deadline)) ?? error
        // Whatever it says, it was stopped in the middle.
        if (controller.signal.aborted) await refuseWhilePaused()
        throw error
      } finally {
        working.delete(controller)
      }
    },
  }
}

/** How long the pause still lasts (milliseconds); not positive when it is over. */
const leftOf = (value: unknown) => Date.parse(pause.parse(value).until) - Date.now()
