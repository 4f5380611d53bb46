import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import pino from 'pino'
import type { Bus } from '../../../../shared/bus/connect.ts'
import { watchOwned } from '../../../../shared/bus/streams/restore-owned.ts'
import { awaitTopology, ensureOwned } from '../../../../shared/bus/streams/topology.ts'
import {
  buckets,
  consumers,
  type Daemon,
  lostSubject,
  streams,
} from '../../../../shared/contracts/subjects.ts'
import { decideEnd, maxUnexpected } from '../../../../shared/work/consume/ends.ts'
import { connectAlmighty } from '../../../support/almighty.ts'
import { makeRuns } from '../../../support/entry.ts'
import { collect, eventually } from '../../../support/latch.ts'
import { openRefreshQueue, type RefreshQueue } from '../../../support/refresh-queue.ts'

const [run = ''] = makeRuns(1)
const often = 100

describe('what a daemon owns on the bus', { timeout: 150_000 }, () => {
  const stack = new AsyncDisposableStack()
  let queue: RefreshQueue
  let almighty: Bus
  let notifier: Bus
  const said = collect<string>()
  const log = pino(
    { base: null, formatters: { level: (level) => ({ level }) } },
    {
      write(line: string) {
        const { level, msg } = JSON.parse(line)
        said.add(`${level} ${msg}`)
      },
    },
  )
  const keep = (bus: Bus, daemon: Daemon) => watchOwned(daemon, { bus, log }, often)
  const letters = async (daemon: Daemon) =>
    (await queue.read(streams.dead, lostSubject(daemon))).map(({ what }) => what)
  const isThere = (stream: string) =>
    almighty.jsm.streams.info(stream).then(
      () => true,
      () => false,
    )

  before(async () => {
    queue = stack.use(await openRefreshQueue())
    const { nats } = queue
    almighty = await connectAlmighty(nats.stateRoot, nats.url, () => process.kill(nats.pid(), 'SIGHUP'))
    stack.defer(() => almighty.nc.close())
    notifier = await nats.connect('notifier')
    stack.defer(() => notifier.nc.close())
    const replica = await nats.connect('refresher')
    stack.defer(() => replica.nc.close())
    for (const bus of [queue.bus, replica]) stack.use(keep(bus, 'refresher'))
  })
  after(() => stack.disposeAsync())

  it('is made again where it was removed, by name in the log, told once whoever saw it; who has it open goes on', async () => {
    await queue.targets.put('refresh.dune.production', 'before')
    assert.deepEqual(said.items, [], 'nothing is lost where all was made at the start')
    await almighty.jsm.streams.delete('KV_targets')
    await almighty.jsm.streams.delete(streams.refresh)
    await eventually(async () => (await letters('refresher')).length === 2, 'two letters')
    assert.deepEqual((await letters('refresher')).sort(), ['bucket targets', 'stream REFRESH'])
    assert.deepEqual([...new Set(said.items)].sort(), [
      'error bucket targets was gone and is made again: the next run fills it, and pushes and stores everything again',
      'error stream REFRESH was gone and is made again: the next run brings the work that waited there',
    ])
    assert.equal(await queue.targets.get('refresh.dune.production'), null)
    await queue.targets.put('refresh.dune.production', 'after')
    await queue.put(run)
    const { config } = await queue.bus.jsm.streams.info('KV_targets')
    assert.equal(config.allow_direct, false)
  })

  it('is told although the stream that keeps such letters is gone too', async () => {
    await almighty.jsm.streams.delete(streams.dead)
    await almighty.jsm.streams.delete('KV_sealed')
    const hasSaid = () => said.items.some((line) => line.includes('bucket sealed'))
    await eventually(async () => hasSaid(), 'the refresher has made its bucket again')
    using _ = keep(notifier, 'notifier')
    await eventually(
      async () => (await isThere(streams.dead)) && (await letters('refresher')).length > 0,
      'a letter',
    )
    assert.deepEqual(await letters('refresher'), ['bucket sealed'])
    await eventually(async () => (await letters('notifier')).length > 0, 'a letter of the notifier')
    assert.deepEqual(await letters('notifier'), ['stream DEAD'])
  })

  it('is told of a consumer that was removed by itself, and not of one that was lost with its stream', async () => {
    const consumption = await queue.consume({ handle: async () => [] })
    // So that it is told at once, and does not have to miss heartbeats.
    const isPulling = () => eventually(async () => (await queue.info()).num_waiting > 0, 'a pull')
    await isPulling()
    await almighty.jsm.consumers.delete(streams.refresh, consumers.refresher)
    await eventually(async () => (await letters('refresher')).includes('consumer refresher'), 'a letter')
    await isPulling()
    const before = (await queue.info()).created
    await almighty.jsm.streams.delete(streams.refresh)
    await eventually(
      async () => (await queue.info().catch(() => ({ created: before }))).created !== before,
      'another consumer',
    )
    await eventually(async () => (await letters('refresher')).includes('stream REFRESH'), 'a letter')
    // What it has to say, it has said by then.
    await consumption[Symbol.asyncDispose]()
    await queue.bus.nc.flush()
    const known = (await letters('refresher')).filter((what) => what === 'consumer refresher')
    assert.deepEqual(known, ['consumer refresher'])
  })

  it('is awaited by who needs it, until its owner has made it again', async () => {
    using _ = keep(notifier, 'notifier')
    await almighty.jsm.streams.delete('KV_runs')
    await awaitTopology(queue.bus, { streams: [], buckets: [buckets.runs] })
    assert.ok(await isThere('KV_runs'))
  })

  it('is no loss where it was never there', async () => {
    const storer = await queue.nats.connect('storer')
    stack.defer(() => storer.nc.close())
    const lines = said.items.length
    const refused = await storer.js.publish('store.dune.production.credd1', '{}').catch((error) => error)
    const end = decideEnd(refused, maxUnexpected, { stopping: false, aborted: false })
    assert.equal(end.kind, 'later', 'work that writes there waits for it, however long')
    await ensureOwned(storer, 'storer')
    using _ = keep(storer, 'storer')
    await eventually(async () => isThere(streams.store), 'the storer’s stream')
    await almighty.jsm.streams.delete(streams.store)
    await said.reached(lines + 1)
    assert.deepEqual(
      said.items.slice(lines).filter((line) => line.includes('STORE')),
      ['error stream STORE was gone and is made again: the next run brings the work that waited there'],
    )
  })
})
