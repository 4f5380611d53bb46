/** How far the notifier has heard: what lies unheard on the bus may change what there is to say. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readUnheard } from '../../../../services/notifier/ledger/unheard.ts'
import type { Bus } from '../../../../shared/bus/connect.ts'
import { consumers, streams } from '../../../../shared/contracts/subjects.ts'
import { at } from '../../build.ts'

interface Consumer {
  readonly pending?: number
  readonly inWork?: number
  readonly heardTo?: number
}
const now = new Date(at(60))

/** The bus, with so much unheard; the stream has these facts, by sequence. */
function busOf(facts: Consumer, letters: Consumer, times: Record<number, string> = {}, first = 1): Bus {
  const told = ({ pending = 0, inWork = 0, heardTo = 0 }: Consumer) => ({
    ...{ num_pending: pending, num_ack_pending: inWork, ack_floor: { stream_seq: heardTo } },
  })
  const jsm = {
    consumers: {
      async info(stream: string, consumer: string) {
        if (stream === streams.tokens && consumer === consumers.notifier) return told(facts)
        assert.deepEqual([stream, consumer], [streams.dead, consumers.notifierDead])
        return told(letters)
      },
    },
    streams: {
      async info(stream: string) {
        assert.equal(stream, streams.tokens)
        return { state: { first_seq: first } }
      },
      async getMessage(stream: string, { seq }: { seq: number }) {
        assert.equal(stream, streams.tokens)
        const time = times[seq]
        return time === undefined ? null : { time: new Date(time) }
      },
    },
  }
  return { jsm } as unknown as Bus
}

describe('what lies unheard', () => {
  const cases: Record<string, [Bus, isEmpty: boolean, handledUntil: string]> = {
    'is nothing where all was handled': [busOf({ heardTo: 7 }, {}), true, at(60)],
    'is what waits, from the first fact behind the last one handled': [
      busOf({ pending: 2, heardTo: 7 }, {}, { 7: at(1), 8: at(50), 9: at(55) }),
      ...([false, at(50)] as const),
    ],
    'is what another notifier works on as well': [
      busOf({ inWork: 1, heardTo: 7 }, {}, { 8: at(50) }),
      ...([false, at(50)] as const),
    ],
    'is a dead letter, which says nothing of facts': [busOf({ heardTo: 7 }, { pending: 1 }), false, at(60)],
    'is both at once': [busOf({ pending: 1 }, { pending: 1 }, { 1: at(50) }), false, at(50)],
    'is a dead letter in work': [busOf({ heardTo: 7 }, { inWork: 1 }), false, at(60)],
    'begins with what the stream still has where the next one has aged out': [
      busOf({ pending: 1, heardTo: 7 }, {}, { 12: at(40) }, 12),
      ...([false, at(40)] as const),
    ],
    'begins with the next one where that came between two questions': [
      busOf({ pending: 1, heardTo: 20 }, {}, { 12: at(40), 21: at(45) }, 12),
      ...([false, at(45)] as const),
    ],
    'is of this moment where it is gone altogether': [busOf({ pending: 1, heardTo: 7 }, {}), false, at(60)],
    'is never later than now, whatever another clock says': [
      busOf({ pending: 1 }, {}, { 1: at(99) }),
      ...([false, at(60)] as const),
    ],
  }
  for (const [what, [bus, isEmpty, handledUntil]] of Object.entries(cases))
    it(what, async () =>
      assert.deepEqual(await readUnheard(bus, now), {
        ...{ isEmpty, handledUntil: new Date(handledUntil) },
        behindMs: now.getTime() - Date.parse(handledUntil),
      }),
    )
})
