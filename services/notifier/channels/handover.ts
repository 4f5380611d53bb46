/** What whoever hands a message over has to know: when to write down that it goes out, when to stop, and how long to wait. */

export interface Handover {
  /** Called when the other end has agreed to take the message, before the first byte of it. */
  readonly aboutToSend?: (() => Promise<void>) | undefined
  readonly signal?: AbortSignal | undefined
  readonly patience?: Patience | undefined
}

/** All in milliseconds. */
export interface Patience {
  /** Until the other end agrees to take it, whatever it says on the way: one that says a word now and then is never silent. */
  readonly untilAgreedMs: number
  /**
   * For the message itself and the word that it is taken. As long as RFC 5321 (4.5.3.2.6) wants: a mail server that looks
   * through it first has taken it, and would deliver it twice.
   */
  readonly forDataMs: number
}

export const usualPatience: Patience = { untilAgreedMs: 30_000, forDataMs: 10 * 60_000 }
