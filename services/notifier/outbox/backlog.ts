/** How far this daemon has got with the facts on the bus: what lies unheard behind it may change what there is to say. */
import type { Bus } from '../../../shared/bus/connect.ts'
import { consumers, streams } from '../../../shared/contracts/subjects.ts'

export interface Backlog {
  readonly isEmpty: boolean
  /** Everything published before that was handled. */
  readonly handledUntil: Date
}

/** Asks the server. What another notifier is just working on counts as unheard. */
export async function readBacklog(bus: Bus, now: Date): Promise<Backlog> {
  const { unheard, heardTo } = await askConsumer(bus)
  if (unheard === 0) return { isEmpty: true, handledUntil: now }
  const oldest = await findOldest(bus, heardTo + 1)
  return { isEmpty: false, handledUntil: oldest && oldest.time < now ? oldest.time : now }
}

/** True when nothing is unheard but the one fact that is just being handled, on whichever notifier. Asks the server once. */
export async function isLastUnheard(bus: Bus): Promise<boolean> {
  return (await askConsumer(bus)).unheard === 1
}

async function askConsumer({ jsm }: Bus) {
  const { num_pending, num_ack_pending, ack_floor } = await jsm.consumers.info(
    streams.tokens,
    consumers.notifier,
  )
  return { unheard: num_pending + num_ack_pending, heardTo: ack_floor.stream_seq }
}

async function findOldest({ jsm }: Bus, seq: number) {
  const found = await jsm.streams.getMessage(streams.tokens, { seq })
  if (found) return found
  // It lay there for longer than the stream keeps anything.
  const { state } = await jsm.streams.info(streams.tokens)
  return jsm.streams.getMessage(streams.tokens, { seq: Math.max(seq, state.first_seq) })
}
