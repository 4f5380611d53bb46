import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { daemonsAccount } from '../../../../shared/bus/nats-conf.ts'
import { failure, Permanent } from '../../../../shared/contracts/errors.ts'
import { consumers, streams } from '../../../../shared/contracts/subjects.ts'
import { natsFiles } from '../../../../shared/daemon/state.ts'
import { consume } from '../../../../shared/work/consume/consume.ts'
import { oncePerTarget } from '../../../../shared/work/once-per-target.ts'
import { factOf, makeRuns } from '../../../support/entry.ts'
import { collect, eventually, latch, within } from '../../../support/latch.ts'
import { expectNothingLeftOpen } from '../../../support/left-open.ts'
import { openRefreshQueue, quick, type RefreshQueue, silent } from '../../../support/refresh-queue.ts'

const [run = ''] = makeRuns(1)
const names = ['a', 'b', 'c', 'd', 'e']

describe('stops, crashes and what comes back', () => {
  expectNothingLeftOpen()

  it('hands back at once what waits, and what an aborted handler had, without calling it a failure', async () => {
    await using queue = await openRefreshQueue()
    for (const name of names) await queue.put(run, name)
    const started = collect<string>()
    const reported: string[] = []
    const first = await queue.consume({
      report(body, failed) {
        reported.push(failed.code)
        return factOf(body)
      },
      async handle({ body, signal }) {
        started.add(body.experiment)
        const aborted = latch()
        signal.addEventListener('abort', () => aborted.open())
        await aborted.opened
        // As a command module does that takes its own killing for an answer.
        throw new Permanent(failure('storer-failed', 'It was killed.'))
      },
    })
    await started.reached(1)
    await eventually(async () => (await queue.info()).num_ack_pending === 5, 'all five held')
    const stopped = performance.now()
    await first[Symbol.asyncDispose]()
    // Of the ack wait or the pull, both far longer, a stop waits for neither.
    assert.ok(performance.now() - stopped < 15_000, 'a stop is quick')
    assert.ok(performance.now() - stopped >= quick.stopGraceMs - 5, 'but the handler got its grace')

    const second = collect<string>()
    await queue.consume({
      async handle({ body }) {
        second.add(body.experiment)
        return []
      },
    })
    assert.deepEqual([...(await second.reached(5))].sort(), names)
    await queue.settled()
    assert.deepEqual(started.items, ['a'], 'nothing was begun during the stop')
    assert.deepEqual(reported, [])
    assert.deepEqual(await queue.deadLetters(), [])
  })

  it('lets a handler that ends within the grace end as usual', async () => {
    await using queue = await openRefreshQueue({ ...quick, stopGraceMs: 60_000 })
    await queue.put(run)
    const started = latch()
    const mayEnd = latch()
    let aborted = false
    const consumption = await queue.consume({
      async handle({ body, signal }) {
        started.open()
        await mayEnd.opened
        aborted = signal.aborted
        return [factOf(body, { said: 'done' })]
      },
    })
    await started.opened
    const stopping = consumption[Symbol.asyncDispose]()
    mayEnd.open()
    await stopping
    await queue.settled()
    assert.equal(aborted, false)
    assert.deepEqual(await queue.read(streams.tokens, 'token.ready.dune.production'), [{ said: 'done' }])
  })

  it('delivers again what a process held that was killed', async () => {
    await using queue = await openRefreshQueue(quick)
    const child = fork(
      new URL('../../../support/hang-in-handler.ts', import.meta.url),
      [queue.nats.url, queue.nats.seedFile('refresher'), String(quick.ackWaitMs)],
      { stdio: 'inherit' },
    )
    try {
      await queue.put(run)
      await within(once(child, 'message'), 60_000, 'the child at work')
    } finally {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    const deliveries = collect<number>()
    await queue.consume({
      async handle(received) {
        deliveries.add(received.deliveries)
        return []
      },
    })
    const [again = 0] = await deliveries.reached(1)
    assert.ok(again > 1, `delivery ${again}`)
    await queue.settled()
  })

  it('makes its consumer again when an operator removed it, and does not work twice on what it holds', async () => {
    await using queue = await openRefreshQueue()
    for (const name of ['a', 'b']) await queue.put(run, name)
    const handled = collect<string>()
    const mayEnd = latch()
    await queue.consume({
      async handle({ body }) {
        handled.add(body.experiment)
        await mayEnd.opened
        return []
      },
    })
    await handled.reached(1)
    await eventually(async () => (await queue.info()).num_ack_pending === 2, 'both held')
    await queue.bus.jsm.consumers.delete(streams.refresh, consumers.refresher)
    const redelivered = async () => {
      const info = await queue.info().catch(() => undefined)
      return info?.num_ack_pending === 2
    }
    await eventually(redelivered, 'the new consumer has delivered both again')
    await queue.bus.nc.flush()
    mayEnd.open()
    await queue.settled()
    assert.deepEqual(handled.items, ['a', 'b'])
    await queue.put(run, 'c')
    await handled.reached(3)
    await queue.settled()
  })

  it('makes its consumer again when it was removed just as it had made it', async () => {
    await using queue = await openRefreshQueue()
    const handled = collect<string>()
    const { consumers: of } = queue.bus.js
    let isRemoved = false
    const losing = Object.create(queue.bus, {
      js: {
        value: Object.create(queue.bus.js, {
          consumers: {
            value: {
              async get(stream: string, name: string) {
                if (!isRemoved) isRemoved = await queue.bus.jsm.consumers.delete(stream, name)
                return of.get(stream, name)
              },
            },
          },
        }),
      },
    })
    const handle = async ({ body }: { body: { experiment: string } }) => {
      handled.add(body.experiment)
      return []
    }
    await within(queue.consume({ handle }, losing), 30_000, 'it has begun')
    await queue.put(run, 'a')
    await handled.reached(1)
    await queue.settled()
  })

  it('survives the death of the server: reconnects, goes on, and does nothing twice that comes back', async () => {
    await using queue = await openRefreshQueue(quick)
    const all = ['done', 'held', 'waiting']
    for (const name of all) await queue.put(run, name)
    const acted: string[] = []
    const atWork = latch()
    const mayEnd = latch()
    await queue.consume({
      handle: (received) =>
        oncePerTarget(
          {
            key: received.subject,
            run: received.body.run,
            entry: received.body.entry,
            retry: { numRetries: 0, retrySleepMs: 10 },
            backoff: { firstMs: 10, longestMs: 10 },
          },
          queue.targets,
          received,
          async () => {
            acted.push(received.body.experiment)
            if (received.body.experiment === 'held') {
              atWork.open()
              await mayEnd.opened
            }
            return {
              messages: [factOf(received.body, { entry: received.body.entry, run }, received.subject)],
            }
          },
        ),
    })
    await atWork.opened
    await queue.crash()
    mayEnd.open()
    await queue.settled()
    assert.deepEqual(acted, all)
    // Whatever the server forgot comes back now at the latest: as new deliveries of the same items.
    for (const name of all) await queue.put(run, name)
    await queue.settled()
    assert.deepEqual(acted, all)
    for (const name of all) {
      const facts = await queue.read(streams.tokens, `token.ready.${name}.production`)
      assert.ok(facts.length >= 1 && facts.every((fact) => fact.entry === `${name}_production`))
    }
  })

  it('goes on with new work after the server was away for longer', async () => {
    await using queue = await openRefreshQueue(quick)
    const handled = collect<string>()
    await queue.consume({
      async handle({ body }) {
        handled.add(body.experiment)
        return []
      },
    })
    await queue.crash()
    await queue.put(run, 'after')
    await handled.reached(1)
    await queue.settled()
  })

  it('takes new work after a power cut, where the consumer is further than its stream', async () => {
    await using queue = await openRefreshQueue(quick)
    const handled = collect<string>()
    await queue.consume({
      async handle({ body }) {
        handled.add(body.experiment)
        return []
      },
    })
    for (const name of names) await queue.put(run, name)
    await handled.reached(names.length)
    await queue.settled()
    const { store } = natsFiles(queue.nats.stateRoot)
    const stream = join(store, 'jetstream', daemonsAccount, 'streams', streams.refresh)
    // The server writes down what a consumer has got a moment later.
    const acked = async () => (await readFile(join(stream, 'obs', consumers.refresher, 'o.dat')))[2]
    await eventually(async () => (await acked()) === names.length, 'what was acked is on the disk')
    process.kill(queue.nats.pid(), 'SIGSTOP')
    await rm(join(stream, 'msgs'), { recursive: true })
    await queue.crash()
    await queue.put(run, 'after')
    await handled.reached(names.length + 1)
    await queue.settled()
    assert.deepEqual(handled.items, [...names, 'after'])
  })
})

// Side by side: what takes time here is waiting for the server, not work.
describe('a consumer that the server must hear of, or hear from', {
  timeout: 150_000,
  concurrency: true,
}, () => {
  it('keeps alive what waits and what is at work, however long that takes', async () => {
    await using queue = await openRefreshQueue(quick)
    for (const name of ['a', 'b']) await queue.put(run, name)
    const handled = await consumeSlowly(queue, 'a')
    await handled.reached(2)
    await queue.settled()
    assert.deepEqual(handled.items, ['a 1 0', 'b 1 0'])
  })

  it('keeps alive what comes after a time without anything to keep alive', async () => {
    await using queue = await openRefreshQueue(quick)
    const handled = await consumeSlowly(queue, 'late')
    await queue.put(run, 'early')
    await queue.settled()
    // So long that it looks twice for something to keep alive, and finds nothing.
    await sleep(quick.ackWaitMs)
    await queue.put(run, 'late')
    await handled.reached(2)
    await queue.settled()
    assert.deepEqual(handled.items, ['early 1 0', 'late 1 0'])
  })

  it('stops although its stream, which another daemon makes, is gone', async (t) => {
    await using queue = await openRefreshQueue()
    await using bus = await queue.nats.connect('notifier')
    const looks = t.mock.method(bus.jsm.consumers, 'add').mock
    const consumption = await consume(
      {
        ...{ stream: streams.tokens, consumer: consumers.notifier, concurrency: 1 },
        ...{ schemaOf: () => undefined, handle: async () => [] },
      },
      { bus, log: silent, timing: quick },
    )
    const { store } = natsFiles(queue.nats.stateRoot)
    const stream = join(store, 'jetstream', daemonsAccount, 'streams', streams.tokens)
    await rm(stream, { recursive: true, maxRetries: 10 })
    const before = looks.callCount()
    await queue.crash()
    await assert.rejects(queue.bus.jsm.streams.info(streams.tokens), /stream not found/)
    await eventually(async () => looks.callCount() > before + 2, 'it waits for the stream')
    await within(Promise.resolve(consumption[Symbol.asyncDispose]()), 30_000, 'a stop')
  })
})

/** Takes two ack waits for the item `slow`. What it returns: which item, its deliveries, and how many were redelivered by then. */
async function consumeSlowly(queue: RefreshQueue, slow: string) {
  const handled = collect<string>()
  await queue.consume({
    async handle({ body, deliveries }) {
      if (body.experiment === slow) await sleep(quick.ackWaitMs * 2)
      handled.add(`${body.experiment} ${deliveries} ${(await queue.info()).num_redelivered}`)
      return []
    },
  })
  return handled
}
