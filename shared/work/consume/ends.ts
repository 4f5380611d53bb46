/** How a handler's work ends, decided in one pure place (see the five ends in docs/bus.md). */

import { isBusError } from '../../bus/bus-errors.ts'
import { type Backoff, backoffMs } from '../../contracts/backoff.ts'
import { ClaimLost, type Failure, failure, Permanent, RetryLater } from '../../contracts/errors.ts'

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

/** So many errors in a row that nobody expected count as permanent. */
export const maxUnexpected = 5

/**
 * The end of a handler that threw `error`; where nobody expected it, for the `strike`th time in a row (from 1). Whatever an
 * aborted handler says comes of the abort. Pure.
 */
export function decideEnd(
  error: unknown,
  strike: number,
  { stopping, aborted }: { readonly stopping: boolean; readonly aborted: boolean },
  backoff?: Backoff,
): End {
  if (error instanceof ClaimLost) return { kind: 'abandon' }
  if (aborted) return { kind: 'handBack' }
  if (error instanceof Permanent) return { kind: 'term', failure: error.failure }
  if (error instanceof RetryLater)
    return {
      kind: 'later',
      delayMs: error.delayMs,
      ...(error.failure && { failure: error.failure }),
      ...(error.markReported && { markReported: error.markReported }),
    }
  if (stopping) return { kind: 'handBack' }
  // The bus is away: that ends late, never as a failure of the message.
  if (isBusError(error)) return { kind: 'later', delayMs: backoffMs(1, backoff) }
  if (strike < maxUnexpected) return { kind: 'later', delayMs: backoffMs(strike, backoff) }
  return { kind: 'term', failure: failure('unexpected', 'An unexpected error kept coming back.') }
}
