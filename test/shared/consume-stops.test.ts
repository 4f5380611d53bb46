import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { failure, Permanent } from '../../shared/errors.ts'
import { natsFiles } from '../../shared/state.ts'
import { consumers, streams } from '../../shared/subjects.ts'
import { workOnTarget } from '../../shared/target.ts'
import { factOf, makeRuns } from '../support/entry.ts'
import { collect, eventually, latch, within } from '../support/latch.ts'
import { expectNothingLeftOpen } from '../support/left-open.ts'
import { openRefreshQueue, quick, type RefreshQueue } from '../support/refresh-queue.ts'

const [run = ''] = makeRuns(1)
/** So long that only what is handed back can come again within a test. */
const patient = { ...quick, ackWaitMs: 30_000 }
/** So short that a sign of life that stays away is noticed within a test. */
const impatient = { ...quick, ackWaitMs: 600 }
const names = ['a', 'b', 'c', 'd', 'e']

describe('stops, crashes and what comes back', { timeout: 150_000 }, () => {
  expectNothingLeftOpen()

  it('hands back at once what waits, and what an aborted handler had, without calling it a failure', async () => {
    await using queue = await openRefreshQueue(patient)
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
    assert.ok(performance.now() - stopped < 2_000, 'a stop is quick')
    assert.ok(performance.now() - stopped >= quick.stopGraceMs - 5, 'but the handler got its grace')

    const second = collect<string>()
    await queue.consume({
      async handle({ body }) {
        second.add(body.experiment)
        return []
      },
    })
    assert.deepEqual([...(await second.reached(5, 3_000))].sort(), names)
    await queue.settled()
    assert.deepEqual(started.items, ['a'], 'nothing was begun during the stop')
    assert.deepEqual(reported, [])
    assert.deepEqual(await queue.deadLetters(), [])
  })

  it('lets a handler that ends within the grace end as usual', async () => {
    await using queue = await openRefreshQueue({ ...patient, stopGraceMs: 5_000 })
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

  it('stops although its stream is gone', async () => {
    await using queue = await openRefreshQueue()
    const consumption = await queue.consume({ handle: async () => [] })
    const { store } = natsFiles(queue.nats.stateRoot)
    await rm(join(store, 'jetstream', '$G', 'streams', streams.refresh), { recursive: true })
    await queue.crash()
    await assert.rejects(queue.bus.jsm.streams.info(streams.refresh), /stream not found/)
    // The pull is refused soon, and from then on the loop waits for a stream that nobody makes.
    await sleep(1_500)
    await within(Promise.resolve(consumption[Symbol.asyncDispose]()), 3_000, 'a stop')
  })

  it('delivers again what a process held that was killed', async () => {
    await using queue = await openRefreshQueue()
    const child = fork(
      new URL('../support/hang-in-handler.ts', import.meta.url),
      [queue.nats.url, queue.nats.seedFile('refresher'), String(quick.ackWaitMs)],
      { stdio: 'inherit' },
    )
    try {
      await queue.put(run)
      await within(once(child, 'message'), 10_000, 'the child at work')
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
    assert.deepEqual(await deliveries.reached(1), [2])
    await queue.settled()
  })

  it('keeps alive what waits and what is at work, however long that takes', async () => {
    await using queue = await openRefreshQueue(impatient)
    for (const name of ['a', 'b']) await queue.put(run, name)
    const handled = await consumeSlowly(queue, 'a')
    await handled.reached(2)
    await queue.settled()
    assert.deepEqual(handled.items, ['a 1 0', 'b 1 0'])
  })

  it('keeps alive what comes after a time without anything to keep alive', async () => {
    await using queue = await openRefreshQueue(impatient)
    const handled = await consumeSlowly(queue, 'late')
    await queue.put(run, 'early')
    await queue.settled()
    // So long that it looks twice for something to keep alive, and finds nothing.
    await sleep(impatient.ackWaitMs)
    await queue.put(run, 'late')
    await handled.reached(2)
    await queue.settled()
    assert.deepEqual(handled.items, ['early 1 0', 'late 1 0'])
  })

  it('makes its consumer again when an operator removed it, and does not work twice on what it holds', async () => {
    await using queue = await openRefreshQueue(patient)
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

  it('survives the death of the server: reconnects, goes on, and does nothing twice that comes back', async () => {
    await using queue = await openRefreshQueue()
    const all = ['done', 'held', 'waiting']
    for (const name of all) await queue.put(run, name)
    const acted: string[] = []
    const atWork = latch()
    const mayEnd = latch()
    await queue.consume({
      handle: (received) =>
        workOnTarget(
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
            return { messages: [factOf(received.body, { entry: received.body.entry }, received.subject)] }
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
    await using queue = await openRefreshQueue()
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
})

/** Takes three ack waits for the item `slow`. What it returns: which item, its deliveries, and how many were redelivered by then. */
async function consumeSlowly(queue: RefreshQueue, slow: string) {
  const handled = collect<string>()
  await queue.consume({
    async handle({ body, deliveries }) {
      if (body.experiment === slow) await sleep(impatient.ackWaitMs * 3)
      handled.add(`${body.experiment} ${deliveries} ${(await queue.info()).num_redelivered}`)
      return []
    },
  })
  return handled
}
