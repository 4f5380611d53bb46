/**
 * What a run costs more when the far ends of logs, traces and metrics do not work, while the daemon writes ten thousand
 * lines a second: pairs of runs that send their lines to Loki, their spans to a collector and their metrics to a
 * Pushgateway, once to ends that take everything at once, and once to ends that are away, hang, or take and give a byte a
 * second. Beside it, what telemetry itself costs: pairs without any of it and with ends that work.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { chooseLoopback } from '../sandbox/free-port.ts'
import { type FarEnd, hanging, nobody, slow, working } from '../sandbox/support/far-ends.ts'
import { readSamples } from '../sandbox/support/read-samples.ts'
import { type Benchmark, percentile, round } from './support/benchmark.ts'
import { inTurns } from './support/in-turns.ts'
import { runEverything } from './support/refresher-run.ts'
import { openRefresherSite, type RefresherSite, type Settings } from './support/refresher-site.ts'

const entryCount = 40
const pairs = 5
/** Until every buffer is full that can be (milliseconds). */
const settleMs = 4_000
const ends: Record<string, () => Promise<FarEnd>> = { down: nobody, hanging, slow }

export const benchmark: Benchmark = {
  about: `telemetry: ${pairs} pairs of runs of ${entryCount} entries for each kind of far end that does not work, 10,000 log lines a second`,
  thresholds: {
    downRatio: { atMost: 1.1 },
    hangingRatio: { atMost: 1.1 },
    slowRatio: { atMost: 1.1 },
    linesPerSecond: { atLeast: 9_000 },
    extraRssMb: { atMost: 48 },
    droppedLines: { atLeast: 1 },
    droppedSpans: { atLeast: 1 },
    droppedPushes: { atLeast: 1 },
  },
  run: measure,
}

interface Measured {
  readonly runMs: number
  readonly rssMb: number
  readonly linesPerSecond: number
  /** By signal, as the daemon's own metrics count it. */
  readonly dropped: Readonly<Record<string, number>>
}

async function measure(dir: string, say: (line: string) => void) {
  await using site = await openRefresherSite(dir, entryCount)
  await runOnce(site)
  await using good = await working()
  const figures: Record<string, number> = {}
  const bad: Measured[] = []
  for (const [name, open] of Object.entries(ends)) {
    await using end = await open()
    const measured = await inPairs(
      () => runOnce(site, settingsFor(good)),
      () => runOnce(site, settingsFor(end), untilCounted),
      (base, runMs) => say(`${name}: ${base} ms with ends that work, ${runMs} ms with such ends`),
    )
    figures[`${name}Ratio`] = measured.ratio
    bad.push(...measured.others)
  }
  const plain = await inPairs(
    () => runOnce(site),
    () => runOnce(site, settingsFor(good)),
    (base, runMs) => say(`telemetry: ${base} ms without any, ${runMs} ms with ends that work`),
  )
  const without = plain.bases
  const most = (of: readonly Measured[]) => Math.max(...of.map(({ rssMb }) => rssMb))
  const fewest = (signal: string) => Math.min(...bad.map(({ dropped }) => dropped[signal] ?? 0))
  return {
    ...figures,
    telemetryRatio: plain.ratio,
    linesPerSecond: Math.round(
      percentile(
        bad.map((one) => one.linesPerSecond),
        0.5,
      ),
    ),
    rssMb: round(most(bad)),
    extraRssMb: round(most(bad) - most(without)),
    droppedLines: fewest('logs'),
    droppedSpans: fewest('traces'),
    droppedPushes: fewest('metrics'),
  }
}

/** The ratio is the median of the pairs'. */
async function inPairs(
  runBase: () => Promise<Measured>,
  runOther: () => Promise<Measured>,
  tell: (baseMs: number, otherMs: number) => void,
) {
  const measured = await inTurns(pairs, runBase, runOther, ({ base, other }) =>
    tell(Math.round(base.runMs), Math.round(other.runMs)),
  )
  const ratios = measured.map(({ base, other }) => other.runMs / base.runMs)
  return {
    bases: measured.map(({ base }) => base),
    others: measured.map(({ other }) => other),
    ratio: round(percentile(ratios, 0.5)),
  }
}

const settingsFor = ({ host }: FarEnd): Settings => ({
  loki: { host: `http://${host}` },
  prometheus: { host: `http://${host}`, jobname: 'bench' },
  tracing: { url: `http://${host}` },
})

/** A new refresher, one run of everything, and what it says of itself right after it. */
async function runOnce(
  site: RefresherSite,
  settings: Settings = {},
  readDropped: (url: string) => Promise<Measured['dropped']> = async () => ({}),
): Promise<Measured> {
  const metricsHost = chooseLoopback()(0)
  const telemetry = { metricsHost, metricsPort: 9_100 }
  await using refresher = await site.start({ ...settings, telemetry }, [
    join(import.meta.dirname, 'support/log-flood.ts'),
  ])
  await sleep(settleMs)
  const linesBefore = countLines(site.refresherLog())
  const runMs = await runEverything(site)
  const lines = countLines(site.refresherLog()) - linesBefore
  return {
    runMs,
    rssMb: refresher.peakRssMb(),
    linesPerSecond: (1_000 * lines) / runMs,
    dropped: await readDropped(`http://${metricsHost}:9100/metrics`),
  }
}

/** What was dropped, by signal, once something of each was: a batch waits for 5 s and is given up 10 s later. */
async function untilCounted(url: string): Promise<Measured['dropped']> {
  for (let looks = 0; ; looks++) {
    const samples = readSamples(await (await fetch(url)).text())
    const counted = samples.filter(({ name }) => name === 'managed_tokens_telemetry_dropped_total')
    const dropped = Object.fromEntries(counted.map(({ labels, value }) => [labels.signal, value]))
    if (Object.keys(dropped).length === 3 || looks === 30) return dropped
    await sleep(1_000)
  }
}

const countLines = (text: string) => text.split('\n').length
