import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Fact } from '../../../../shared/bus/publish.ts'
import { ClaimLost, failure, Permanent, RetryLater } from '../../../../shared/contracts/errors.ts'
import type { RefreshItem } from '../../../../shared/contracts/messages.ts'
import { streams } from '../../../../shared/contracts/subjects.ts'
import { aroundPublish } from '../../../support/around-publish.ts'
import { factOf, makeRuns, refreshItem } from '../../../support/entry.ts'
import { collect, eventually, latch } from '../../../support/latch.ts'
import { expectNothingLeftOpen } from '../../../support/left-open.ts'
import { openRefreshQueue, quick } from '../../../support/refresh-queue.ts'

const [older = '', run = ''] = makeRuns(2)
const failed = failure('vault-unreachable', 'Vault does not answer.')
const factSubject = 'token.ready.dune.production'

/** Reports a failure as a fact that says what it was told. */
const report = (body: RefreshItem, { code }: { code: string }, permanent: boolean): Fact =>
  factOf(body, { code, permanent })

describe('how the work on a message ends', () => {
  expectNothingLeftOpen()

  it('is acked only after what it returned is stored', async () => {
    await using queue = await openRefreshQueue()
    const publishing = latch()
    const mayPublish = latch()
    const slow = aroundPublish(queue.bus, async (_, next) => {
      publishing.open()
      await mayPublish.opened
      return next()
    })
    await queue.put(run)
    await queue.consume({ handle: async ({ body }) => [factOf(body, { said: 'done' })] }, slow)

    await publishing.opened
    await queue.bus.nc.flush()
    assert.equal((await queue.info()).num_ack_pending, 1, 'not acked while the fact is not stored')
    mayPublish.open()
    await queue.settled()
    assert.deepEqual(await queue.read(streams.tokens, factSubject), [{ said: 'done' }])
  })

  it('is pulled though many others are parked, which wait for something else than their turn', async () => {
    await using queue = await openRefreshQueue()
    const parked = Array.from({ length: 256 }, (_, index) => `away${index}`)
    for (const experiment of parked) await queue.put(run, experiment)
    await queue.put(run, 'nova')
    const done = collect<string>()
    await queue.consume({
      choose: (waiting) => waiting.find(({ experiment }) => experiment === 'nova'),
      isParked: ({ experiment }) => experiment.startsWith('away'),
      async handle({ body }) {
        done.add(body.experiment)
        return []
      },
    })
    await done.reached(1)
    assert.deepEqual(done.items, ['nova'])
  })

  it('comes again when what it returned could not be stored', async () => {
    await using queue = await openRefreshQueue()
    let refusals = 1
    const flaky = aroundPublish(queue.bus, async (_, next) => {
      if (refusals-- > 0) throw new Error('no stream')
      return next()
    })
    const deliveries = collect<number>()
    await queue.put(run)
    await queue.consume(
      {
        async handle(received) {
          deliveries.add(received.deliveries)
          return [factOf(received.body, {}, 'the-same')]
        },
      },
      flaky,
    )
    await deliveries.reached(2)
    await queue.settled()
    assert.deepEqual(deliveries.items, [1, 2])
    assert.equal((await queue.read(streams.tokens, factSubject)).length, 1)
  })

  it('reports a permanent failure and never sees the message again', async () => {
    await using queue = await openRefreshQueue()
    const handled = collect<number>()
    await queue.put(run)
    await queue.consume({
      report,
      async handle({ deliveries }) {
        handled.add(deliveries)
        throw new Permanent(failed)
      },
    })
    await handled.reached(1)
    await queue.settled()
    assert.deepEqual(await queue.read(streams.tokens, factSubject), [
      { code: 'vault-unreachable', permanent: true },
    ])
    assert.deepEqual(await queue.deadLetters(), [])
    assert.equal(handled.items.length, 1)
  })

  it('does not end the message while its permanent failure could not be reported', async () => {
    await using queue = await openRefreshQueue()
    const publishing = latch()
    const mayPublish = latch()
    const slow = aroundPublish(queue.bus, async (_, next) => {
      publishing.open()
      await mayPublish.opened
      return next()
    })
    await queue.put(run)
    await queue.consume({ report, handle: () => Promise.reject(new Permanent(failed)) }, slow)
    await publishing.opened
    await queue.bus.nc.flush()
    assert.equal((await queue.info()).num_ack_pending, 1)
    mayPublish.open()
    await queue.settled()
  })

  it('keeps a permanent failure as a dead letter where nobody reports it', async () => {
    await using queue = await openRefreshQueue()
    await queue.put(run)
    const handled = latch()
    await queue.consume({
      async handle() {
        handled.open()
        throw new Permanent(failed)
      },
    })
    await handled.opened
    await queue.settled()
    const [letter] = await queue.deadLetters()
    assert.equal(letter?.reason, 'Vault does not answer.')
    assert.equal(letter?.subject, 'refresh.dune.production')
    assert.equal(JSON.parse(String(letter?.body)).run, run)
  })

  it('delivers again after the delay that was asked for, and not before', async () => {
    await using queue = await openRefreshQueue()
    const times = collect<number>()
    await queue.put(run)
    await queue.consume({
      report,
      async handle({ deliveries }) {
        times.add(performance.now())
        if (deliveries === 1) throw new RetryLater(400)
        return []
      },
    })
    const [first = 0, second = 0] = await times.reached(2)
    assert.ok(second - first >= 395, `again after ${second - first} ms`)
    // The delay, not the ack wait of two minutes.
    assert.ok(second - first < 60_000, `again after ${second - first} ms`)
    await queue.settled()
    assert.deepEqual(await queue.read(streams.tokens, factSubject), [])
  })

  it('reports a failure that may pass once, marks it after it is stored, and goes on trying', async () => {
    await using queue = await openRefreshQueue()
    const steps: string[] = []
    const traced = aroundPublish(queue.bus, async (_, next) => {
      const answer = await next()
      steps.push('stored')
      return answer
    })
    const done = latch()
    let marked = false
    await queue.put(run)
    await queue.consume(
      {
        report,
        async handle({ deliveries }) {
          if (deliveries >= 3) {
            done.open()
            return []
          }
          if (marked) throw new RetryLater(20)
          throw new RetryLater(20, failed, async () => {
            steps.push('marked')
            marked = true
          })
        },
      },
      traced,
    )
    await done.opened
    await queue.settled()
    assert.deepEqual(steps, ['stored', 'marked'])
    assert.deepEqual(await queue.read(streams.tokens, factSubject), [
      { code: 'vault-unreachable', permanent: false },
    ])
  })

  it('tries again ever more slowly after an unexpected error, and gives up after five in a row', async () => {
    await using queue = await openRefreshQueue()
    const times = collect<number>()
    await queue.put(run)
    await queue.consume({
      report,
      async handle() {
        times.add(performance.now())
        throw new TypeError('undefined is not a function')
      },
    })
    await times.reached(5)
    await queue.settled()
    const waits = times.items.slice(1).map((time, index) => time - (times.items[index] ?? 0))
    for (const [index, atLeast] of [50, 100, 200, 200].entries())
      assert.ok((waits[index] ?? 0) >= atLeast - 5, `wait ${index} was ${waits[index]} ms`)
    assert.deepEqual(await queue.read(streams.tokens, factSubject), [{ code: 'unexpected', permanent: true }])
  })

  it('does not count deliveries that were asked for as unexpected errors', async () => {
    await using queue = await openRefreshQueue()
    const seen = collect<number>()
    await queue.put(run)
    await queue.consume({
      report,
      async handle({ deliveries }) {
        seen.add(deliveries)
        if (seen.items.length < 7) throw new RetryLater(5)
        if (seen.items.length === 7) throw new Error('the bus was away for a moment')
        return [factOf(refreshItem(run), { said: 'done' })]
      },
    })
    await seen.reached(8)
    await queue.settled()
    assert.deepEqual(await queue.read(streams.tokens, factSubject), [{ said: 'done' }])
  })

  it('neither acks nor hands back what somebody else works on now', async () => {
    await using queue = await openRefreshQueue(quick)
    const times = collect<number>()
    await queue.put(run)
    await queue.consume({
      report,
      async handle({ deliveries }) {
        times.add(performance.now())
        if (deliveries === 1) throw new ClaimLost('another holder has it')
        return []
      },
    })
    const [first = 0, second = 0] = await times.reached(2)
    // The ack wait counts from the delivery, which may be long before a busy machine begins to work on it.
    assert.ok(second - first >= 1_000, `again after ${second - first} ms: it was handed back`)
    await queue.settled()
    assert.deepEqual(await queue.read(streams.tokens, factSubject), [])
  })

  it('keeps what it cannot read as a dead letter with the reason, and ignores fields it does not know', async () => {
    await using queue = await openRefreshQueue()
    const handled = collect<string>()
    const subject = (name: string) => `refresh.${name}.production`
    const item = refreshItem(run)
    await queue.bus.js.publish(subject('a'), 'not json')
    await queue.bus.js.publish(subject('b'), new Uint8Array([0x22, 0xff, 0xfe, 0x22]))
    await queue.bus.js.publish(subject('c'), JSON.stringify({ ...item, schema: '2.0' }))
    await queue.bus.js.publish(subject('d'), JSON.stringify({ ...item, run: 'yesterday' }))
    await queue.bus.js.publish(subject('e'), 'null')
    await queue.bus.js.publish(
      subject('f'),
      JSON.stringify({ ...item, schema: '1.7', entry: 'f', later: { more: [1] } }),
    )
    await queue.consume({
      async handle({ body }) {
        handled.add(body.entry)
        return []
      },
    })
    await handled.reached(1)
    await queue.settled()
    assert.deepEqual(handled.items, ['f'])
    const reasons = (await queue.deadLetters()).map(({ subject, reason }) => `${subject}: ${reason}`)
    assert.deepEqual(reasons, [
      'refresh.a.production: not JSON in UTF-8',
      'refresh.b.production: not JSON in UTF-8',
      'refresh.c.production: schema: this program reads schema 1.x',
      'refresh.d.production: run: not the id of a run',
      'refresh.e.production: message: Invalid input: expected object, received null',
    ])
  })

  it('keeps a message of a subject that nobody knows as a dead letter', async () => {
    await using queue = await openRefreshQueue()
    await queue.put(run)
    await queue.consume({ schemaOf: () => undefined, handle: async () => [] })
    await queue.settled()
    assert.equal((await queue.deadLetters())[0]?.reason, 'no message of this subject is known')
  })

  it('goes on with the messages behind one that is unreadable while dead letters cannot be kept', async () => {
    await using queue = await openRefreshQueue()
    const mayKeep = latch()
    let refused = 0
    const flaky = aroundPublish(queue.bus, async (subject, next) => {
      if (subject.startsWith('dead.') && refused++ === 0) throw new Error('no stream')
      if (subject.startsWith('dead.')) await mayKeep.opened
      return next()
    })
    const handled = collect<string>()
    await queue.bus.js.publish('refresh.poison.production', '{')
    for (const name of ['a', 'b', 'c']) await queue.put(run, name)
    await queue.consume(
      {
        async handle({ body }) {
          handled.add(body.experiment)
          return []
        },
      },
      flaky,
    )
    assert.deepEqual(await handled.reached(3), ['a', 'b', 'c'])
    mayKeep.open()
    await queue.settled()
    assert.equal((await queue.deadLetters()).length, 1)
  })

  it('does not let one delayed message hold up the others', async () => {
    await using queue = await openRefreshQueue()
    const handled = collect<string>()
    for (const name of ['slow', 'a', 'b', 'c', 'd', 'e']) await queue.put(run, name)
    await queue.consume({
      async handle({ body, deliveries }) {
        handled.add(body.experiment)
        if (body.experiment === 'slow' && deliveries === 1) throw new RetryLater(1_500)
        return []
      },
    })
    assert.deepEqual(await handled.reached(7), ['slow', 'a', 'b', 'c', 'd', 'e', 'slow'])
    await queue.settled()
  })

  it('goes on with fifty good messages behind one that always fails, and reports that one once', async () => {
    await using queue = await openRefreshQueue()
    const handled = collect<string>()
    const good = Array.from({ length: 50 }, (_, index) => `good${index}`)
    for (const name of ['poison', ...good]) await queue.put(run, name)
    await queue.consume({
      report,
      async handle({ body }) {
        handled.add(body.experiment)
        if (body.experiment === 'poison') throw new TypeError('undefined is not a function')
        return []
      },
    })
    await handled.reached(55)
    await queue.settled()
    assert.equal(handled.items[0], 'poison')
    assert.deepEqual(handled.items.filter((name) => name !== 'poison').toSorted(), good.toSorted())
    assert.equal(handled.items.filter((name) => name === 'poison').length, 5)
    const told = await queue.read(streams.tokens, 'token.ready.poison.production')
    assert.deepEqual(told, [{ code: 'unexpected', permanent: true }])
  })

  it('takes three hundred messages in the order that is chosen, and holds a bounded number of them', async () => {
    await using queue = await openRefreshQueue()
    const names = Array.from({ length: 300 }, (_, index) => `e${String(index).padStart(3, '0')}`)
    await Promise.all(names.map((name) => queue.put(run, name)))
    const handled = collect<string>()
    const mayStart = latch()
    let most = 0
    await queue.consume({
      concurrency: 4,
      choose(waiting, working) {
        most = Math.max(most, waiting.length + working.length)
        return waiting.toSorted((a, b) => (a.entry < b.entry ? -1 : 1))[0]
      },
      async handle({ body }) {
        await mayStart.opened
        handled.add(body.experiment)
        return []
      },
    })
    await eventually(async () => (await queue.info()).num_ack_pending === 256, 'a full backlog')
    assert.equal((await queue.info()).num_pending, 44, 'the rest waits in the stream')
    mayStart.open()
    await handled.reached(300)
    await queue.settled()
    assert.ok(most <= 256, `held ${most}`)
    assert.deepEqual(handled.items.toSorted(), names, 'each once')
    // Four were at work before the rest had come; of those that were held together, the least always went first.
    const chosen = handled.items.slice(4, 200)
    assert.deepEqual(chosen, chosen.toSorted())
  })

  it('starts nothing while the choice is to wait, and goes on when something has ended', async () => {
    await using queue = await openRefreshQueue()
    const handled = collect<string>()
    const mayEnd = latch()
    for (const name of ['a', 'b', 'c']) await queue.put(older, name)
    let together = 0
    let most = 0
    await queue.consume({
      concurrency: 8,
      // One at a time, whatever the concurrency says.
      choose: (waiting, working) => (working.length === 0 ? waiting[0] : undefined),
      async handle({ body }) {
        most = Math.max(most, ++together)
        handled.add(body.experiment)
        if (body.experiment === 'a') await mayEnd.opened
        together--
        return []
      },
    })
    await handled.reached(1)
    mayEnd.open()
    await handled.reached(3)
    await queue.settled()
    assert.equal(most, 1)
  })
})
