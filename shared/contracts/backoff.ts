/** How long to wait before the next attempt. Pure. */

/** Doubles from `firstMs` to `longestMs` (milliseconds). */
export interface Backoff {
  readonly firstMs: number
  readonly longestMs: number
}

/** Doubles from `firstMs` with each attempt (from 1), up to `longestMs`. */
export function backoffMs(
  attempt: number,
  { firstMs, longestMs }: Backoff = { firstMs: 1_000, longestMs: 60_000 },
): number {
  return Math.min(longestMs, firstMs * 2 ** Math.max(0, attempt - 1))
}
