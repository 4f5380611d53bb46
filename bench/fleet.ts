/**
 * What a whole laboratory's fleet costs: a run of 500, 2,000 and 10,000 services with five nodes each, without credds. Bus, Vault
 * and the daemons are real; the programs that they start only wait as long as the real ones, and what it costs to start one is
 * measured by itself.
 */
import { join } from 'node:path'
import { runCommand } from '../shared/commands/command.ts'
import { type Benchmark, type Figures, round } from './support/benchmark.ts'
import { cpuOf, type FleetRun, peakOf, runFleet } from './support/fleet-run.ts'
import { openFleetSite } from './support/fleet-site.ts'
import { readStat } from './support/process-facts.ts'

const sizes = [500, 2_000, 10_000] as const
/** A storer's second for each service and credd, were there one credd: reckoned, not measured. */
const storeS = 1
const lanes = 16
/** Of the benchmark `storer`. */
const directRatio = 2.156

export const benchmark: Benchmark = {
  about: `fleet: a run of ${sizes.join(', ')} services × 5 nodes, with programs that only wait`,
  thresholds: {
    rssMb: { atMost: 250 },
    // Linear would be 5.
    growth: { atMost: 5.5 },
    cpuGrowth: { atMost: 5.5 },
    pageMs: { atMost: 1_000 },
  },
  run: measure,
}

async function measure(dir: string, say: (line: string) => void): Promise<Figures> {
  const spawnMs = await measureSpawn()
  const runs: FleetRun[] = []
  for (const services of sizes) {
    say(`${services} services …`)
    await using site = await openFleetSite(join(dir, `${services}`), services)
    const run = await runFleet(site)
    say(describe(services, run))
    runs.push(run)
  }
  const [small, middle, large] = runs as [FleetRun, FleetRun, FleetRun]
  const services = sizes[2]
  const oneLaneS = services * storeS
  return {
    services,
    runS: inSeconds(large.runMs),
    rssMb: round(peakOf(large)),
    growth: round(large.runMs / middle.runMs),
    cpuGrowth: round(cpuOf(large) / cpuOf(middle)),
    // Linear would be 4.
    growthTo2000: round(middle.runMs / small.runMs),
    planS: inSeconds(large.planMs),
    readyS: inSeconds(large.readyMs),
    pushedS: inSeconds(large.pushedMs),
    cpuEachMs: round(cpuOf(large) / services),
    spawnMs: round(spawnMs),
    messagesEach: round(large.messages / services),
    bytesEach: round(large.bytes / services),
    pageMs: round(Math.max(large.status.worstMs, large.servicesList.worstMs)),
    statusPages: large.status.pages,
    statusS: inSeconds(large.status.allMs),
    servicesPages: large.servicesList.pages,
    servicesS: inSeconds(large.servicesList.allMs),
    oneLaneS,
    lanesS: round(oneLaneS / lanes),
    directLanesS: round(oneLaneS / lanes / directRatio),
  }
}

const inSeconds = (ms: number) => round(ms / 1_000)

function describe(services: number, run: FleetRun): string {
  const times = [run.planMs, run.readyMs, run.pushedMs, run.runMs].map((ms) => `${(ms / 1_000).toFixed(1)} s`)
  const daemons = Object.entries(run.usage).map(
    ([daemon, { rssMb, cpuMs }]) =>
      `${daemon} ${rssMb.toFixed(0)} MB, ${(cpuMs / 1_000).toFixed(1)} s of CPU`,
  )
  return `${services}: planned, ready, pushed, finished after ${times.join(', ')}; ${daemons.join('; ')}`
}

/** CPU time for a program that does nothing, its own and ours (milliseconds): what waiting instead leaves out at the least. */
async function measureSpawn(): Promise<number> {
  const count = 100
  const command = { file: 'true', args: [], env: { PATH: '/usr/bin:/bin' }, timeoutMs: 10_000 }
  await runCommand(command)
  const before = spentMs()
  for (let n = 0; n < count; n += 1) await runCommand(command)
  return (spentMs() - before) / count
}

function spentMs(): number {
  const { ownMs = Number.NaN, waitedForMs = Number.NaN } = readStat(process.pid) ?? {}
  return ownMs + waitedForMs
}
