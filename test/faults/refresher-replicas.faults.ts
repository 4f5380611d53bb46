/** Two refreshers: the schedule fires once, and the end of the one that plans, in the middle of its plan, loses nothing. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectOperator } from '../../cli/bus/connection.ts'
import { readWholeStatus } from '../../cli/runs/whole-status.ts'
import { startSite } from '../../sandbox/site.ts'
import { startDaemon, startServer } from '../../sandbox/support/daemon.ts'
import { connectBus } from '../../shared/bus/connect.ts'
import { ensureOwned } from '../../shared/bus/streams/topology.ts'
import type { RunStarted } from '../../shared/contracts/messages.ts'
import { buckets, scheduleKey, streams } from '../../shared/contracts/subjects.ts'
import { seedFile } from '../../shared/daemon/state.ts'
import { eventually } from '../support/latch.ts'
import { patience } from '../support/patience.ts'
import { makeDirectory, within } from '../support/pipeline.ts'
import { startReplica } from '../support/refresher-replica.ts'
import { assertNoMisuse, countWork, findMisplaced, markNow } from '../support/site-ends.ts'

const everything = {
  'refresh dune_production': 2,
  'refresh mu2e_production': 1,
  'refresh nova_analysis': 1,
  'store dune_production credd1': 1,
  'store dune_production credd2': 1,
  'store mu2e_production credd1': 1,
  'store mu2e_production credd2': 1,
  'push dunegpvm01 dunepro': 1,
  'push mu2egpvm01 dunepro': 1,
  'push mu2egpvm01 mu2epro': 1,
  'push sharedgpvm01 dunepro': 1,
  'push sharedgpvm01 mu2epro': 1,
  'push sharedgpvm01 novaana': 1,
}

/** Due half an hour ago and again in half an hour, whenever this test runs. */
const cron = `${(new Date().getUTCMinutes() + 30) % 60} * * * *`
const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString()

describe('two refreshers', { timeout: 400_000 }, () => {
  it('start what came due while both were away once, and one goes on where the other was killed', async () => {
    await using directory = await makeDirectory()
    await using stack = new AsyncDisposableStack()
    const site = stack.use(
      await startSite({ dir: directory.path, settings: { ...patience, schedule: { cron, jitter: '0s' } } }),
    )
    const { url } = stack.use(await startServer(site))
    const seeds = seedFile(site.layout.state, 'refresher')
    const refresher = stack.use(await connectBus({ servers: [url], user: 'refresher', seedFile: seeds }))
    await ensureOwned(refresher, 'refresher')
    const targets = await refresher.bucket(buckets.targets)
    const [due, at] = [hoursAgo(3), hoursAgo(3)]
    await targets.create(
      scheduleKey('run'),
      JSON.stringify({ due, at, holder: 'somebody long gone', done: true }),
    )
    for (const daemon of ['notifier', 'storer', 'distributor'] as const)
      stack.use(await startDaemon(daemon, site, url))
    const mark = markNow(site)

    // Each may publish two work items; the third is where the test has it.
    const replicas = await Promise.all(['one', 'two'].map((name) => startReplica(site, url, name, 3)))
    for (const replica of replicas) stack.use(replica)
    await within(60_000, 'both are ready', Promise.all(replicas.map(({ ready }) => ready)))
    const leader = await within(
      60_000,
      'one of them plans',
      Promise.race(replicas.map((replica) => replica.held.then(() => replica))),
    )
    // Let through, they are still on their way to the server.
    const planned = async () => (await refresher.jsm.streams.info(streams.refresh)).state.last_seq
    await eventually(async () => (await planned()) === 2, 'two of four work items are made')
    for (const other of replicas) if (other !== leader) other.open()
    await leader.kill()

    const [started] = await startedRuns(refresher)
    assert.ok(started)
    const bus = stack.use(await connectOperator({ state: site.layout.state, nats: url }))
    const deadline = Date.now() + 90_000
    let status = await readWholeStatus(bus, started.run).catch(() => undefined)
    while (!status?.finished) {
      assert.ok(Date.now() < deadline, `the run did not finish: ${JSON.stringify(status)}`)
      await sleep(100)
      status = await readWholeStatus(bus, started.run).catch(() => undefined)
    }
    assert.deepEqual(status.totals, { done: 10, failed: 0, superseded: 0, unfinished: 0 })
    assert.deepEqual(countWork(site, mark), everything)
    assert.deepEqual(await findMisplaced(site), [])
    assertNoMisuse(site)

    const runs = await startedRuns(refresher)
    assert.deepEqual(
      runs.map(({ run, trigger }) => [run, trigger]),
      [[started.run, 'schedule']],
    )
    const record = (await targets.get(scheduleKey('run')))?.json<{
      due: string
      done: boolean
      begun: string
    }>()
    assert.equal(record?.done, true)
    assert.equal(record.begun, started.run)
    assert.ok(
      Date.now() - Date.parse(record.due) < 3_600_000,
      'for the last due time, not for each that was missed',
    )
  })
})

async function startedRuns({ jsm }: Awaited<ReturnType<typeof connectBus>>): Promise<RunStarted[]> {
  const { state } = await jsm.streams.info(streams.tokens)
  const found: RunStarted[] = []
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message = await jsm.streams.getMessage(streams.tokens, { seq })
    if (message?.subject === 'run.started') found.push(message.json<RunStarted>())
  }
  return found
}
