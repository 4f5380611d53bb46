/** Sees that no server is asked too often: turns at a distance, and rest for one that takes nothing, across all messages at work. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Backoff, backoffMs } from '../../../shared/contracts/backoff.ts'

export interface Rest {
  /** From now on (milliseconds). */
  readonly ms: number
  readonly why: string
}

export interface RateLimiter {
  /** How long the server is to be left alone yet; undefined when it need not be. */
  resting(endpoint: string): Rest | undefined
  /** Waits for the next turn: at most one every `everyMs`. */
  awaitTurn(endpoint: string, everyMs: number, signal?: AbortSignal): Promise<void>
  /** The server took nothing: for as long as it said, else longer each time, it is left alone. Returns how long (milliseconds). */
  rest(endpoint: string, why: string, afterMs?: number): number
  /** It takes messages again. */
  wake(endpoint: string): void
}

/** Rest after the first, second … failure in a row. */
const backoff: Backoff = { firstMs: 1_000, longestMs: 5 * 60_000 }

/** Knows its endpoints by names that may be secrets: they stay in memory. */
export function createRateLimiter(now: () => number = Date.now): RateLimiter {
  const turns = new Map<string, number>()
  const rests = new Map<string, { readonly until: number; readonly why: string; readonly strikes: number }>()
  return {
    resting(endpoint) {
      const rest = rests.get(endpoint)
      return rest && rest.until > now() ? { ms: rest.until - now(), why: rest.why } : undefined
    },
    async awaitTurn(endpoint, everyMs, signal) {
      const turn = Math.max(now(), turns.get(endpoint) ?? 0)
      turns.set(endpoint, turn + everyMs)
      const wait = turn - now()
      if (wait > 0) await sleep(wait, undefined, { ...(signal ? { signal } : {}) })
    },
    rest(endpoint, why, afterMs) {
      const before = rests.get(endpoint)
      // Messages that failed side by side are one strike.
      const isNew = !before || before.until <= now()
      const strikes = (before?.strikes ?? 0) + (isNew ? 1 : 0)
      const ms = afterMs ?? backoffMs(strikes, backoff)
      const until = Math.max(now() + ms, before?.until ?? 0)
      rests.set(endpoint, { until, why, strikes })
      return until - now()
    },
    wake: (endpoint) => void rests.delete(endpoint),
  }
}
