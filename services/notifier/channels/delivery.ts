/** How one attempt to deliver a message ended: the channels say it, the outbox acts on it. */

/** `why` is a sentence for people; never a secret, never raw words of a server. */
export type Delivery =
  | { readonly end: 'delivered' }
  /** Trying this message again would be useless. */
  | { readonly end: 'refused'; readonly why: string }
  | {
      readonly end: 'later'
      readonly why: string
      /** `server`: it is the server that takes nothing now, so other messages for it may wait as well. */
      readonly trouble: 'message' | 'server'
      /** How long the server asked to be left alone (milliseconds). */
      readonly afterMs?: number
    }

export const delivered: Delivery = { end: 'delivered' }
export const refused = (why: string): Delivery => ({ end: 'refused', why })
/** The server takes nothing now. */
export const serverAway = (why: string, afterMs?: number): Delivery => ({
  ...{ end: 'later', why, trouble: 'server' },
  ...(afterMs === undefined ? {} : { afterMs }),
})
/** The server does not take this message now. */
export const notNow = (why: string): Delivery => ({ end: 'later', why, trouble: 'message' })
