/**
 * How fast people hear of a very bad run, and what it costs: a thousand nodes of twenty experiments fail in one run. The
 * daemon, the bus, the mail server and the Slack webhook (with Slack's limits) are real; the facts are told by the benchmark.
 */
import { readdirSync, watch } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { ulid } from 'ulid'
import { type Receivers, startReceivers } from '../sandbox/receivers.ts'
import { startDaemon, startServer } from '../sandbox/support/daemon.ts'
import { tellFailingRun } from '../sandbox/support/failing-run.ts'
import type { Bus } from '../shared/bus/connect.ts'
import { ensureOwned } from '../shared/bus/streams/topology.ts'
import { type Benchmark, round } from './support/benchmark.ts'
import { peakRssMb } from './support/process-facts.ts'

const experimentCount = 20
const nodesEach = 50
const experiments = Object.fromEntries(
  Array.from({ length: experimentCount }, (_, e) => [
    `exp${e}`,
    { nodes: Array.from({ length: nodesEach }, (_, n) => `node${n}.exp${e}.bench.test`) },
  ]),
)
/** The administrator, and the addressee of each experiment. */
const addressees = 1 + experimentCount
/** Many times what it takes (milliseconds). */
const patienceMs = 60_000

export const benchmark: Benchmark = {
  about: `notifier: ${experimentCount * nodesEach} nodes of ${experimentCount} experiments fail in one run; ${addressees} people and Slack are told`,
  thresholds: {
    digestMs: { atMost: 2_000 },
    rssMb: { atMost: 150 },
    mails: { atMost: addressees },
    posts: { atMost: 1 },
  },
  run: measure,
}

async function measure(dir: string, say: (line: string) => void) {
  await using site = await startReceivers({ dir, experiments })
  await using server = await startServer(site)
  await using bus = await server.connect('refresher')
  await ensureOwned(bus, 'refresher')
  const { mail, slack } = site.layout
  const receivedBefore = await warmUp(site, server.url, bus)
  await using notifier = await startDaemon('notifier', site, server.url)
  const finished = Promise.withResolvers<number>()
  bus.nc.subscribe('run.finished', { callback: () => finished.resolve(performance.now()) })
  say('the notifier is ready; everything fails …')
  const started = performance.now()
  await tellFailingRun(bus, { run: ulid(), experiments, deadlineMs: 300_000 })
  say(
    `told in ${Math.round(performance.now() - started)} ms; waiting for the end of the run, and for the messages …`,
  )
  const finishedAt = await inTime('the end of the run', finished.promise)
  const toldAt = await inTime(
    'the messages',
    untilThere(mail, receivedBefore + addressees).then(() => untilThere(slack, 2)),
  )
  // Any more of them would be one too many.
  await sleep(2_000)
  return {
    digestMs: round(toldAt - finishedAt),
    ledgerMs: round(finishedAt - started),
    rssMb: round(peakRssMb(notifier.pid())),
    mails: countIn(mail) - receivedBefore,
    posts: countIn(slack) - 1,
  }
}

/**
 * A notifier that has told of something and was stopped: what it is made of is compiled from then on. Returns how many mails
 * that were; of posts there was one.
 */
async function warmUp(site: Receivers, url: string, bus: Bus): Promise<number> {
  await using _notifier = await startDaemon('notifier', site, url)
  const [experiment = ''] = Object.keys(experiments)
  const one = { [experiment]: { nodes: ['node0.bench.test'] } }
  await tellFailingRun(bus, { run: ulid(), experiments: one, deadlineMs: 300_000 })
  const mails = 2
  await inTime('the first messages', untilThere(site.layout.mail, mails))
  await inTime('the first messages', untilThere(site.layout.slack, 1))
  return mails
}

const countIn = (directory: string) => readdirSync(directory).filter((name) => !name.endsWith('.part')).length

/** When so many files were there. */
async function untilThere(directory: string, count: number): Promise<number> {
  const there = Promise.withResolvers<number>()
  const look = () => countIn(directory) >= count && there.resolve(performance.now())
  using _watcher = disposable(watch(directory, look))
  look()
  return await there.promise
}

const disposable = (watcher: ReturnType<typeof watch>): Disposable => ({
  [Symbol.dispose]: () => watcher.close(),
})

async function inTime<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`${what} did not come in time`)), patienceMs)
  return Promise.race([promise, late.promise]).finally(() => clearTimeout(timer))
}
