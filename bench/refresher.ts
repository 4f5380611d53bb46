/**
 * How fast the refresher plans, and what it costs: 500 entries whose credds ten collectors know, with kinit, htgettoken and
 * condor_status that do nothing. The daemon and the bus are real; Vault answers how long a token lives and no more.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../cli/bus/connection.ts'
import type { Bus } from '../shared/bus/connect.ts'
import { requests, streams } from '../shared/contracts/subjects.ts'
import { type Benchmark, round } from './support/benchmark.ts'
import { openQuickSite } from './support/quick-refresher.ts'

const entryCount = 500
const collectorCount = 10
const creddsPerCollector = 3
/** Many times what it takes (milliseconds). */
const patienceMs = 180_000

export const benchmark: Benchmark = {
  about: `refresher: ${entryCount} entries, ${collectorCount} collectors with ${creddsPerCollector} credds each, commands that do nothing`,
  thresholds: { planMs: { atMost: 15_000 }, rssMb: { atMost: 150 }, loopDelayP99Ms: { atMost: 60 } },
  run: measure,
}

async function measure(dir: string, say: (line: string) => void) {
  await using site = await openQuickSite({ dir, entryCount, collectorCount, creddsPerCollector })
  const { bus } = site
  await using refresher = await site.start()
  say('the refresher is ready; asking for a run of everything …')
  const ready = countEvents(bus, 'token.ready.*.*')
  const failed = countEvents(bus, 'token.failed.*.*')
  await bus.nc.flush()
  await refresher.report()

  const started = performance.now()
  await ask(bus, requests.run, {})
  const queuedMs = await until(started, () => isQueued(bus))
  say(`queued in ${Math.round(queuedMs)} ms; making tokens …`)
  await until(started, async () => {
    if (failed.count > 0) throw new Error(`${failed.count} entries failed: see refresher.log`)
    return ready.count >= entryCount
  })
  const measured = await refresher.report()
  const collectorsAsked = refresher
    .logged()
    .split('\n')
    .filter((line) => line.includes('a collector answered')).length
  return {
    planMs: round(ready.lastAt - started),
    queuedMs: round(queuedMs),
    rssMb: round(measured.peakRssMb),
    loopDelayP99Ms: round(measured.loopDelayP99Ms),
    loopDelayMaxMs: round(measured.loopDelayMaxMs),
    collectorsAsked,
  }
}

async function until(started: number, isIt: () => Promise<boolean>): Promise<number> {
  while (!(await isIt())) {
    if (performance.now() - started > patienceMs)
      throw new Error('the refresher did not get that far in time')
    await sleep(20)
  }
  return performance.now() - started
}

async function isQueued({ jsm }: Bus): Promise<boolean> {
  const { state } = await jsm.streams.info(streams.refresh)
  return state.last_seq >= entryCount
}

/** Heard as they are emitted: asking the stream would cost the server more than the run does. */
function countEvents({ nc }: Bus, subject: string) {
  const heard = { count: 0, lastAt: 0 }
  nc.subscribe(subject, {
    callback() {
      heard.count++
      heard.lastAt = performance.now()
    },
  })
  return heard
}
