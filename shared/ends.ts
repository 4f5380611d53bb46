/** How a handler's work ends, decided in one pure place (see the five ends in docs/bus.md). */
import { ClaimLost, type Failure, failure, Permanent, RetryLater } from './errors.ts'

export type End =
  | { readonly kind: 'ack' }
  /** Never again; the failure is reported. */
  | { readonly kind: 'term'; readonly failure: Failure }
  /** Again after the delay; a failure given here is reported now. */
  | {
      readonly kind: 'later'
      readonly delayMs: number
      readonly failure?: Failure
      readonly markReported?: () => Promise<void>
    }
  /** Somebody else works on it: touch nothing. */
  | { readonly kind: 'abandon' }
  /** We are stopping: give it back at once, nothing is reported. */
  | { readonly kind: 'handBack' }

/** After this many deliveries an unexpected error counts as permanent. */
export const maxUnexpected = 5

/** The end of a handler that threw `error` on delivery number `deliveries` (from 1). */
export function decideEnd(error: unknown, deliveries: number, stopping: boolean): End {
  if (error instanceof ClaimLost) return { kind: 'abandon' }
  if (error instanceof Permanent) return { kind: 'term', failure: error.failure }
  if (error instanceof RetryLater)
    return {
      kind: 'later',
      delayMs: error.delayMs,
      ...(error.failure && { failure: error.failure }),
      ...(error.markReported && { markReported: error.markReported }),
    }
  if (stopping) return { kind: 'handBack' }
  if (deliveries < maxUnexpected) return { kind: 'later', delayMs: backoffMs(deliveries) }
  return { kind: 'term', failure: failure('unexpected', 'An unexpected error kept coming back.') }
}

/** Doubles from `firstMs` with each attempt (from 1), up to `longestMs`. */
export function backoffMs(
  attempt: number,
  { firstMs, longestMs } = { firstMs: 1_000, longestMs: 60_000 },
): number {
  return Math.min(longestMs, firstMs * 2 ** Math.max(0, attempt - 1))
}
