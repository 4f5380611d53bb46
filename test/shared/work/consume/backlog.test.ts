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

describe('who is next', () => {
  it('is the oldest, and as many as may be at work', () => {
    const { backlog, begun, held } = open({ concurrency: 2 })
    using _ = backlog
    for (const [seq, body] of ['a', 'b', 'c'].entries()) backlog.add(held(body, seq))
    assert.deepEqual(begun, ['a', 'b'])
    assert.equal(backlog.pulse().working, 2)
  })

  it('is the one that is chosen among those that wait, given those at work, or nobody yet', async () => {
    const asked: [readonly string[], readonly string[]][] = []
    let wanted: string | undefined
    const { backlog, begun, mayEnd, held } = open({
      concurrency: 2,
      choose(waiting, working) {
        asked.push([waiting, working])
        return waiting.find((body) => body === wanted)
      },
    })
    using _ = backlog
    backlog.add(held('a', 1))
    wanted = 'b'
    backlog.add(held('b', 2))
    assert.deepEqual(begun, ['b'])
    wanted = 'a'
    mayEnd.open()
    await backlog.ended()
    await backlog.ended()
    assert.deepEqual(begun, ['b', 'a'])
    assert.deepEqual(asked.slice(0, 3), [
      [['a'], []],
      [['a', 'b'], []],
      [['a'], ['b']],
    ])
  })

  it('is whoever comes next when something has ended', async () => {
    const { backlog, begun, mayEnd, held } = open()
    using _ = backlog
    for (const [seq, body] of ['a', 'b', 'c'].entries()) backlog.add(held(body, seq))
    mayEnd.open()
    for (let times = 0; times < 3; times++) await backlog.ended()
    assert.deepEqual(begun, ['a', 'b', 'c'])
  })
})

describe('how much is pulled', () => {
  it('leaves room for what waits and what is at work', async () => {
    const { backlog, held } = open({ concurrency: 2 })
    using _ = backlog
    assert.equal(await backlog.room(), 256)
    for (let seq = 1; seq <= 5; seq++) backlog.add(held(`item ${seq}`, seq))
    assert.equal(await backlog.room(), 251)
  })

  it('passes over what waits for something else than its turn', async () => {
    const { backlog, held } = open({ isParked: (body) => body.startsWith('parked'), choose: () => undefined })
    using _ = backlog
    for (let seq = 1; seq <= 300; seq++) backlog.add(held(`parked ${seq}`, seq))
    assert.equal(await backlog.room(), 256)
    backlog.add(held('turn', 301))
    assert.equal(await backlog.room(), 255)
  })

  it('is nothing once it is closed, also for who waits for room already', async () => {
    const { backlog, held } = open()
    using _ = backlog
    for (let seq = 1; seq <= 256; seq++) backlog.add(held(`item ${seq}`, seq))
    const room = backlog.room()
    backlog.close()
    assert.equal(await room, 0)
  })
})

describe('what the server hears of all that is held', () => {
  it('is that it is still worked on, at a third of the ack wait, until nothing is held', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const { backlog, said, mayEnd, held } = open({ ackWaitMs: 3_000 })
    using _ = backlog
    const add = (body: string, seq: number) => {
      const { message } = held(body, seq)
      backlog.add({ body, message: { ...message, working: () => said.push(`working ${body}`) } as never })
    }
    add('a', 1)
    add('b', 2)
    t.mock.timers.tick(999)
    assert.deepEqual(said, [])
    t.mock.timers.tick(1)
    assert.deepEqual(said, ['working b', 'working a'])
    t.mock.timers.tick(1_000)
    assert.equal(said.length, 4)
    mayEnd.open()
    for (let times = 0; times < 2; times++) await backlog.ended()
    t.mock.timers.tick(5_000)
    assert.equal(said.length, 4, 'an idle daemon sleeps')
    add('c', 3)
    await backlog.ended()
    t.mock.timers.tick(1_000)
    assert.equal(said.length, 4, 'it was done at once')
  })

  it('goes to the newest delivery, of what waits and of what is at work', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const { backlog, said, held } = open({ ackWaitMs: 3_000 })
    using _ = backlog
    const deliver = (seq: number, which: string) =>
      ({ ...held('x', seq).message, working: () => said.push(which) }) as unknown as JsMsg
    for (const seq of [1, 2]) backlog.add({ body: `${seq}`, message: deliver(seq, `old ${seq}`) })
    for (const seq of [1, 2]) assert.ok(backlog.renew(deliver(seq, `new ${seq}`)))
    assert.ok(!backlog.renew(deliver(3, 'stranger')))
    t.mock.timers.tick(1_000)
    assert.deepEqual(said, ['new 2', 'new 1'])
    backlog.handBack()
    backlog.handBack()
    t.mock.timers.tick(1_000)
    assert.deepEqual(said, ['new 2', 'new 1', 'nak x', 'new 1'])
  })

  it('is of the work that was begun first, when it was', async () => {
    const { backlog, held } = open({ concurrency: 2 })
    using _ = backlog
    const before = performance.now()
    backlog.add(held('a', 1))
    const between = performance.now()
    backlog.add(held('b', 2))
    const { working, oldestWork } = backlog.pulse()
    assert.equal(working, 2)
    assert.ok(oldestWork !== null && oldestWork >= before && oldestWork <= between)
  })

  it('leaves alone what waits for another subject, or came before', () => {
    const { backlog, said, held } = open({ keepsNewest: true, choose: () => undefined })
    using _ = backlog
    backlog.add(held('newest', 9, 'dune'))
    backlog.add(held('late', 3, 'dune'))
    backlog.add(held('again', 9, 'dune'))
    assert.deepEqual(said, ['term late'])
  })
  it('keeps the older one where the stream does not keep the newest alone', () => {
    const { backlog, said, held } = open({ choose: () => undefined })
    using _ = backlog
    backlog.add(held('older', 1, 'dune'))
    backlog.add(held('newer', 2, 'dune'))
    assert.deepEqual(said, [])
  })
})
