/** How far this daemon has got with what is on the bus: what lies unheard behind it may change what there is to say. */
import type { Bus } from '../../../shared/bus/connect.ts'
import { type ConsumerName, consumers, type StreamName, streams } from '../../../shared/contracts/subjects.ts'

export interface Unheard {
  /** No dead letter is unheard either. */
  readonly isEmpty: boolean
  /** Every fact published before that was handled. */
  readonly handledUntil: Date
  /** How long ago `handledUntil` is (milliseconds). */
  readonly behindMs: number
}

/** Asks the server. What another notifier is just working on counts as unheard. */
export async function readUnheard(bus: Bus, now: Date): Promise<Unheard> {
  const [facts, letters] = await Promise.all([
    unheardBy(bus, streams.tokens, consumers.notifier),
    unheardBy(bus, streams.dead, consumers.notifierDead),
  ])
  const oldest = facts.unheard > 0 ? (await findOldest(bus, facts.heardTo + 1))?.time : undefined
  const handledUntil = oldest && oldest < now ? oldest : now
  return {
    isEmpty: facts.unheard + letters.unheard === 0,
    handledUntil,
    behindMs: now.getTime() - handledUntil.getTime(),
  }
}

async function unheardBy({ jsm }: Bus, stream: StreamName, consumer: ConsumerName) {
  const { num_pending, num_ack_pending, ack_floor } = await jsm.consumers.info(stream, consumer)
  return { unheard: num_pending + num_ack_pending, heardTo: ack_floor.stream_seq }
}

async function findOldest({ jsm }: Bus, seq: number) {
  const found = await jsm.streams.getMessage(streams.tokens, { seq })
  if (found) return found
  // It lay there for longer than the stream keeps anything.
  const { state } = await jsm.streams.info(streams.tokens)
  return jsm.streams.getMessage(streams.tokens, { seq: Math.max(seq, state.first_seq) })
}
