/** Decides when news is sent: when it has been quiet for a moment, and where it never is, after half a minute at most. Pure. */

/** In milliseconds. */
export interface Pause {
  /** So long nothing more has come that could belong to it. */
  readonly quietMs: number
  /** From the first of the news on. */
  readonly mostMs: number
}

export const usualPause: Pause = { quietMs: 50, mostMs: 30_000 }

/** News that was not sent yet; times on one clock, in milliseconds. */
export interface Waiting {
  /** When the first of it came. */
  readonly first: number
  /** When something came last that may belong to it. */
  readonly last: number
}

export const sendAt = ({ first, last }: Waiting, { quietMs, mostMs }: Pause): number =>
  Math.min(last + quietMs, first + mostMs)

/** A notifier that is further behind catches up first: what it has not heard yet may say that all is well again (milliseconds). */
export const littleBehindMs = 60_000

/** What lies unheard on the bus may belong to it. */
export function withUnheard(
  { first, last }: Waiting,
  { isEmpty, behindMs }: { readonly isEmpty: boolean; readonly behindMs: number },
  now: number,
): Waiting {
  if (isEmpty) return { first, last }
  return { first: behindMs > littleBehindMs ? now : first, last: now }
}
