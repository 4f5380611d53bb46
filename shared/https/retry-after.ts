/** The header `Retry-After` (RFC 9110, 10.2.3): seconds or a date. Pure. */

/** Longer waits are taken for a mistake: a message is given up after a day (milliseconds). */
const longestMs = 60 * 60 * 1_000

/** How long to wait from now on (milliseconds), an hour at most; undefined when the header is absent, unreadable or in the past. */
export function readRetryAfter(
  header: string | null | undefined,
  now: number = Date.now(),
): number | undefined {
  const text = header?.trim() ?? ''
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now
  return ms > 0 ? Math.min(ms, longestMs) : undefined
}
