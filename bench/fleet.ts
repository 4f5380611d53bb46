/**
 * What a whole laboratory's fleet costs: a run of 500 services with five nodes each, without credds. Bus, Vault and the daemons
 * are real; the programs that they start only wait as long as the real ones.
 */
import { join } from 'node:path'
import { type Benchmark, type Figures, round } from './support/benchmark.ts'
import { type FleetRun, peakOf, runFleet } from './support/fleet-run.ts'
import { openFleetSite } from './support/fleet-site.ts'

const sizes = [500]

export const benchmark: Benchmark = {
  about: `fleet: one run of ${sizes.join(', ')} services × 5 nodes, with programs that only wait`,
  thresholds: {
    rssMb: { atMost: 250 },
    pageMs: { atMost: 1_000 },
  },
  run: measure,
}

async function measure(dir: string, say: (line: string) => void): Promise<Figures> {
  const runs: FleetRun[] = []
  for (const services of sizes) {
    say(`${services} services …`)
    await using site = await openFleetSite(join(dir, `${services}`), services)
    const run = await runFleet(site)
    say(describe(services, run))
    runs.push(run)
  }
  const last = runs.at(-1) as FleetRun
  const services = sizes.at(-1) as number
  return {
    services,
    runS: round(last.runMs / 1_000),
    rssMb: round(peakOf(last.usage)),
    planS: round(last.planMs / 1_000),
    messagesEach: round(last.messages / services),
    bytesEach: round(last.bytes / services),
    pageMs: round(Math.max(last.status.worstMs, last.servicesList.worstMs)),
  }
}

function describe(services: number, { planMs, readyMs, pushedMs, runMs, usage }: FleetRun): string {
  const times = [planMs, readyMs, pushedMs, runMs].map((ms) => `${(ms / 1_000).toFixed(1)} s`)
  const daemons = Object.entries(usage).map(
    ([daemon, { rssMb, cpuMs }]) =>
      `${daemon} ${rssMb.toFixed(0)} MB, ${(cpuMs / 1_000).toFixed(1)} s of CPU`,
  )
  return `${services}: planned, ready, pushed, finished after ${times.join(', ')}; ${daemons.join('; ')}`
}
