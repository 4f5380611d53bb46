import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JsMsg } from '@nats-io/jetstream'
import { Backlog, type BacklogOptions, type Held } from '../../../../shared/work/consume/backlog.ts'
import { latch } from '../../../support/latch.ts'

/** A backlog, what was begun, and what each message was told. */
function open(options: Partial<BacklogOptions<string>> = {}) {
  const begun: string[] = []
  const said: string[] = []
  const mayEnd = latch()
  const backlog = new Backlog<string>({
    ...{ concurrency: 1, keepsNewest: false, ackWaitMs: 60_000 },
    async work({ body }) {
      begun.push(body)
      await mayEnd.opened
    },
    ...options,
  })
  const held = (body: string, seq: number, subject = body): Held<string> => {
    const tell = (what: string) => () => void said.push(`${what} ${body}`)
    const message = { seq, subject, timestampNanos: seq, nak: tell('nak'), term: tell('term') }
    return { body, message: message as unknown as JsMsg }
  }
  return { backlog, begun, said, mayEnd, held }
}

describe('what a consumer holds', () => {
  it('ends what waits for a subject when a newer message takes its place, and leaves what is at work', () => {
    const { backlog, begun, said, held } = open({ keepsNewest: true })
    using _ = backlog
    backlog.add(held('at work', 1, 'dune'))
    backlog.add(held('older', 2, 'dune'))
    backlog.add(held('other', 3, 'nova'))
    backlog.add(held('newer', 4, 'dune'))
    assert.deepEqual([begun, said], [['at work'], ['term older']])
  })

  it('is told apart by more than the sequence: a stream that was made anew begins again', () => {
    const { backlog, held } = open()
    using _ = backlog
    const { message } = held('one', 1)
    backlog.add({ message, body: 'one' })
    assert.ok(backlog.renew(message))
    assert.ok(!backlog.renew({ ...message, timestampNanos: 2 } as unknown as JsMsg))
  })

  it('is pulled as far as there is room, and again as soon as something has ended', async () => {
    const { backlog, mayEnd, held } = open()
    using _ = backlog
    for (let seq = 1; seq <= 256; seq++) backlog.add(held(`item ${seq}`, seq))
    const room = backlog.room()
    mayEnd.open()
    assert.equal(await room, 1)
  })

  it('begins nothing more once it is closed, hands back what waits, and waits for what is at work', async () => {
    const { backlog, begun, said, mayEnd, held } = open()
    using _ = backlog
    for (const [index, body] of ['a', 'b', 'c'].entries()) backlog.add(held(body, index))
    backlog.close()
    backlog.handBack()
    assert.equal(await backlog.room(), 0)
    assert.equal(backlog.pulse().working, 1)
    mayEnd.open()
    await backlog.ended()
    assert.deepEqual([begun, said], [['a'], ['nak b', 'nak c']])
    assert.deepEqual(backlog.pulse(), { working: 0, oldestWork: null })
  })
})
