/**
 * How fast Vault is asked: at full speed until it answers "Too Many Requests", then at half of what was asked, which grows back
 * evenly and is remembered. Pure; the allowance that refresher and storer share lies in the bucket (`budget.ts`).
 */
import { z } from '../contracts/zod.ts'

/** Limits count requests in this time, ours as htvault-config's (milliseconds). */
export const windowMs = 5 * 60_000
const minute = 60_000
const day = 24 * 60 * minute

/** The rate is back where it was limited after so long; four times that at each further limit, up to a day (milliseconds). */
const growth = { firstMs: 15 * minute, times: 4, longestMs: day }
/** Grown to so many times what it began with, the rate is no limit any more. */
const forgottenAt = 4
/** A limit that comes so long after another one is a new one (milliseconds). */
const rememberedMs = 7 * day
/** Requests in a window that a Vault may well serve which has limited us for the first time, and that any does. */
const least = { first: 240, ever: 10 }
/** Nobody has to wait longer for what others have asked for (milliseconds). */
const longestOwedMs = 2 * windowMs

/** Times are milliseconds since the epoch. */
const limit = z.object({
  rate: z.number().min(least.ever).describe('Requests in five minutes from `since` on; it grows from there.'),
  since: z.number().describe('When the pause after the limit ends.'),
  growMs: z
    .number()
    .min(growth.firstMs)
    .max(growth.longestMs)
    .describe('The rate has doubled after so long.'),
})

/** The value of `vault.budget` in the bucket `targets`. */
export const allowance = z.object({
  paidUntil: z
    .number()
    .describe('When all requests so far would have been sent, had they been spread evenly.'),
  at: z.number().describe('When this was written, by the writer’s clock.'),
  sent: z.number().min(0).default(0).describe('Requests of the last five minutes, older ones counting less.'),
  limit: limit.optional().describe('What the last rate limit has taught; absent: there was none.'),
})
export type Allowance = z.infer<typeof allowance>

/** Requests in five minutes that may be sent now: without a limit that is known, any number. */
export function rateAt({ limit: known }: Pick<Allowance, 'limit'>, now: number): number {
  if (!known) return Number.POSITIVE_INFINITY
  const grown = 1 + Math.max(0, now - known.since) / known.growMs
  return grown >= forgottenAt ? Number.POSITIVE_INFINITY : known.rate * grown
}

/**
 * Takes `requests` out of the allowance, and answers what is left and how long to wait (milliseconds). Where there is a limit,
 * learned or `configured` (in any five minutes), a third of it may come at once and the others are spread evenly.
 */
export function takeRequests(
  before: Allowance | undefined,
  requests: number,
  configured: number | undefined,
  now: number,
): { readonly next: Allowance; readonly waitMs: number } {
  const known = before ? byOurClock(before, now) : undefined
  const sent = sentAt(known, now) + requests
  const kept = { at: now, sent, ...(known?.limit && { limit: known.limit }) }
  const most = Math.min(configured ?? Number.POSITIVE_INFINITY, rateAt(kept, now))
  if (most === Number.POSITIVE_INFINITY) return { next: { ...kept, paidUntil: now }, waitMs: 0 }
  const burst = Math.floor(most / 3)
  const eachMs = windowMs / (most - burst)
  const paidUntil = Math.max(now, known?.paidUntil ?? now) + requests * eachMs
  return { next: { ...kept, paidUntil }, waitMs: Math.max(0, paidUntil - now - burst * eachMs) }
}

/** The same for several callers, one after the other. */
export function takeInTurn(
  before: Allowance | undefined,
  asked: readonly number[],
  configured: number | undefined,
  now: number,
) {
  let next = before
  const waitsMs = asked.map((requests) => {
    const taken = takeRequests(next, requests, configured, now)
    next = taken.next
    return taken.waitMs
  })
  return { next, waitsMs }
}

/** After "Too Many Requests": half of what was asked, once the pause is over. What comes from work of before changes nothing more. */
export function slowDown(before: Allowance | undefined, pauseMs: number, now: number): Allowance {
  const known = before ? byOurClock(before, now, pauseMs) : undefined
  if (known?.limit && known.limit.since > now) return known
  // Others may have used it up: then little of it was ours.
  const guess = known?.limit?.rate ?? least.first
  const reached = Math.min(rateAt(known ?? {}, now), Math.max(sentAt(known, now), guess))
  const since = now + pauseMs
  return {
    ...{ at: now, sent: 0, paidUntil: since },
    limit: { rate: Math.max(least.ever, reached / 2), since, growMs: nextGrowth(known?.limit, now) },
  }
}

function nextGrowth(last: Allowance['limit'], now: number): number {
  if (!last || now - last.since > rememberedMs) return growth.firstMs
  return Math.min(growth.longestMs, last.growMs * growth.times)
}

/** What was sent counts less and less, and after a window almost nothing. */
const sentAt = (known: Allowance | undefined, now: number) =>
  known ? known.sent * Math.exp(-Math.max(0, now - known.at) / windowMs) : 0

/**
 * The same where the writer's clock was ahead of ours, or ours was set back: what was owed then is owed from now on, and the
 * rate grows from now on.
 */
function byOurClock(known: Allowance, now: number, pauseMs = windowMs): Allowance {
  const ahead = Math.max(0, known.at - now)
  const { limit: learned } = known
  return {
    ...known,
    at: known.at - ahead,
    paidUntil: known.paidUntil - ahead,
    ...(learned && { limit: { ...learned, since: Math.min(learned.since, now + pauseMs) } }),
  }
}

/** What was read, as far as it can be believed: a slip of somebody's pen stops nobody for long. */
export function believable(read: unknown, now: number): Allowance | undefined {
  const { data } = allowance.safeParse(read)
  if (!data) return undefined
  const known = byOurClock(data, now)
  return { ...known, paidUntil: Math.min(known.paidUntil, now + longestOwedMs) }
}
