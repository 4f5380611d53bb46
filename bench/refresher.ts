/**
 * What the refresher adds to the commands it runs: a first run of 500 entries, between two halves of the same kinit and
 * htgettoken without it.
 */
import { join } from 'node:path'
import { type Benchmark, round } from './support/benchmark.ts'
import { runEverything } from './support/refresher-run.ts'
import { openRefresherSite, type RefresherSite } from './support/refresher-site.ts'

const entryCount = 500

export const benchmark: Benchmark = {
  about: `refresher: ${entryCount} entries with a htgettoken of 0.5 s of CPU time, against the same commands without it`,
  thresholds: { overBareRatio: { atMost: 1.15 }, rssMb: { atMost: 200 } },
  run: measure,
}

async function measure(dir: string, say: (line: string) => void) {
  say(`making a site of ${entryCount} accounts …`)
  await using site = await openRefresherSite(dir, entryCount)
  // Half before and half after, so that a machine that gets slower favours neither.
  const half = entryCount / 2
  say('the first half of the commands by themselves …')
  const beforeMs = await timeBare(site, 0, half)
  say('all of them by the refresher …')
  const { planMs, rssMb } = await measureRun(site)
  say('the second half by themselves …')
  const bareMs = beforeMs + (await timeBare(site, half, entryCount))
  return {
    overBareRatio: round(planMs / bareMs),
    planMs: round(planMs),
    bareMs: round(bareMs),
    rssMb: round(rssMb),
    loopDelayP99Ms: round(readLoopDelay(site.refresherLog())),
  }
}

async function timeBare(site: RefresherSite, from: number, to: number): Promise<number> {
  const started = performance.now()
  await site.runBareCommands(from, to)
  return performance.now() - started
}

async function measureRun(site: RefresherSite) {
  await using refresher = await site.start({}, [join(import.meta.dirname, 'support/loop-probe.ts')])
  const planMs = await runEverything(site)
  return { planMs, rssMb: refresher.peakRssMb() }
}

/** The probe speaks at the daemon's end. */
const readLoopDelay = (log: string) => Number(/^loopDelayP99Ms: (.+)$/m.exec(log)?.[1])
