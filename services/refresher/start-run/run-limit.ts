/** How many runs may be asked for: each new one takes over what the others still have to do, and too many would end nothing. */
import { RequestError } from '../../../shared/bus/requests/serve-requests.ts'

/** So many at once, and then one again each time (milliseconds). */
const [burst, everyMs] = [30, 2_000]

export interface RunLimit {
  /** Throws RequestError `too-many-requests` while there are no more to give. */
  take(): void
}

/** `now` is a monotonic clock in milliseconds. */
export function openRunLimit(now: () => number = () => performance.now()): RunLimit {
  /** When all that were given would have come, had they come evenly. */
  let paidUntil = Number.NEGATIVE_INFINITY
  return {
    take() {
      const from = Math.max(paidUntil, now())
      if (from - now() > (burst - 1) * everyMs)
        throw new RequestError(
          'too-many-requests',
          `${burst} runs were asked for in a short time: look at what they do (managed-tokens status), or ask again in ${everyMs / 1_000} s.`,
        )
      paidUntil = from + everyMs
    },
  }
}
