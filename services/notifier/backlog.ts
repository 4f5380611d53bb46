/** How far this daemon has got with the facts on the bus: what lies unheard behind it may change what there is to say. */
import type { Bus } from '../../shared/bus.ts'
import { consumers, streams } from '../../shared/subjects.ts'

export interface Backlog {
  readonly isEmpty: boolean
  /** Nothing is unheard but the one fact that is just being handled, on whichever notifier. */
  readonly isLast: boolean
  /** Everything published before that was handled. */
  readonly handledUntil: Date
}

/** Asks the server. What another notifier is just working on counts as unheard. */
export async function readBacklog({ jsm }: Bus, now: Date): Promise<Backlog> {
  const { num_pending, num_ack_pending, ack_floor } = await jsm.consumers.info(
    streams.tokens,
    consumers.notifier,
  )
  const unheard = num_pending + num_ack_pending
  if (unheard === 0) return { isEmpty: true, isLast: false, handledUntil: now }
  const { state } = await jsm.streams.info(streams.tokens)
  const seq = Math.max(ack_floor.stream_seq + 1, state.first_seq)
  const oldest = await jsm.streams.getMessage(streams.tokens, { seq })
  const isLast = unheard === 1
  return { isEmpty: false, isLast, handledUntil: oldest && oldest.time < now ? oldest.time : now }
}
