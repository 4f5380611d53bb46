/**
 * How many bearer tokens a second the refresher gets from a token issuer, and what it is to keep those of 10,000 entries fresh.
 * The daemon and the bus are real; the issuer has a process of its own on the same two cores.
 */
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Benchmark, round } from './support/benchmark.ts'
import { type IssuerSite, openIssuerSite } from './support/issuer-site.ts'
import { peakRssMb, readStat } from './support/process-facts.ts'
import { runEverything } from './support/refresher-run.ts'

const entryCount = 10_000
/** What a start leaves behind is given back to the system after some time (milliseconds). */
const restMs = 30_000

export const benchmark: Benchmark = {
  about: `bearers: ${entryCount} entries whose bearer token comes from a token issuer, all made, and all made anew`,
  thresholds: { tokensPerS: { atLeast: 100 }, rssMb: { atMost: 200 } },
  run: measure,
}

async function measure(dir: string, say: (line: string) => void) {
  await using site = await openIssuerSite(dir, entryCount)
  say(`reading ${entryCount} entries …`)
  await using refresher = await site.start()
  const startRssMb = refresher.peakRssMb()
  await sleep(restMs)
  forgetPeak(refresher.pid())
  say('all of them are made …')
  const first = await makeAll(site, refresher.pid())
  say(`${round(first.tokensPerS)} a second; all of them are made anew …`)
  const again = await makeAll(site, refresher.pid())
  return {
    tokensPerS: round(Math.min(first.tokensPerS, again.tokensPerS)),
    rssMb: round(peakRssMb(refresher.pid())),
    startRssMb: round(startRssMb),
    cpuMsPerToken: round(again.cpuMs / entryCount),
    issuerCpuMsPerToken: round(again.issuerCpuMs / entryCount),
  }
}

async function makeAll(site: IssuerSite, pid: number) {
  const before = [cpuMs(pid), cpuMs(site.issuerPid)] as const
  const ms = await runEverything(site)
  return {
    tokensPerS: entryCount / (ms / 1_000),
    cpuMs: cpuMs(pid) - before[0],
    issuerCpuMs: cpuMs(site.issuerPid) - before[1],
  }
}

/** The highest memory from now on is what the kernel tells (proc(5)). */
const forgetPeak = (pid: number) => writeFileSync(`/proc/${pid}/clear_refs`, '5')
const cpuMs = (pid: number) => readStat(pid)?.ownMs ?? Number.NaN
