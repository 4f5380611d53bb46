/**
 * How busy the storer keeps its exclusive queue: 40 entries × 2 credds, with a condor_vault_storer that takes 1 s and writes down
 * when it started and ended. The daemon, the bus, the KDC and the tickets are real; the rest of the pipe is left out.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { entryName, serviceName } from '../sandbox/entry.ts'
import { generateEntries } from '../sandbox/generated-entries.ts'
import { type SandboxSite, startSite } from '../sandbox/site.ts'
import { startDaemon, startServer } from '../sandbox/support/daemon.ts'
import type { Bus } from '../shared/bus/connect.ts'
import { publish } from '../shared/bus/publish.ts'
import { ensureOwned } from '../shared/bus/streams/topology.ts'
import { type TokenReady, timestamp } from '../shared/contracts/messages.ts'
import { nextRunId } from '../shared/contracts/run-id.ts'
import { tokenSubject } from '../shared/contracts/subjects.ts'
import { type Benchmark, percentile, round } from './support/benchmark.ts'

const entries = generateEntries({ entries: 40, nodes: 0, credds: 2 })
const targets = entries.length * 2
/** Many times what it takes (milliseconds). */
const patienceMs = 10 * 60_000

export const benchmark: Benchmark = {
  about: `storer: ${targets} stores (40 entries × 2 credds) with a stand-in of 1 s each, one at a time`,
  thresholds: { laneBusy: { atLeast: 0.97 }, overlaps: { atMost: 0 } },
  async run(dir, say) {
    say(`storing ${targets} times …`)
    return judge(await storeEverything(join(dir, 'one-lane')))
  },
}

/** One run of the stand-in, in seconds since the epoch. */
interface Span {
  readonly start: number
  readonly end: number
}

/** On a site of its own in `dir`. */
async function storeEverything(dir: string): Promise<Span[]> {
  mkdirSync(dir)
  const log = join(dir, 'spans')
  writeFileSync(log, '')
  await using site = await startSite({
    dir: join(dir, 'site'),
    entries,
    settings: {
      storer: {
        condorVaultStorer: program(dir, 'condor_vault_storer', standIn(log)),
        condorStoreCred: program(dir, 'condor_store_cred', answer),
      },
    },
  })
  await using server = await startServer(site)
  await using bus = await server.connect('refresher')
  await ensureOwned(bus, 'refresher')
  await using _storer = await startDaemon('storer', site, server.url)
  await Promise.all(readyFacts(site).map((ready) => tellReady(bus, ready)))
  return await untilDone(log)
}

/** Builtins alone around the sleep: what is measured is the storer daemon, not the stand-in. */
const standIn = (log: string) => `#!/bin/bash
start=$EPOCHREALTIME
printf opaque >"$BEARER_TOKEN_FILE"
sleep 1
printf '%s %s\\n' "$start" "$EPOCHREALTIME" >>${log}
`

const answer = `#!/bin/sh
echo 'A credential was stored on 2031-01-01 06:00:00 and is valid.'
`

function program(dir: string, name: string, script: string): string {
  const file = join(dir, name)
  writeFileSync(file, script, { mode: 0o755 })
  return file
}

function readyFacts({ entries }: SandboxSite): TokenReady[] {
  const run = nextRunId(undefined, Date.now())
  const later = timestamp(new Date(Date.now() + 60 * 60_000))
  return entries.map((entry) => ({
    schema: '1.0',
    at: timestamp(),
    ...{ run, entry: entryName(entry), service: serviceName(entry) },
    ...{ experiment: entry.experiment, role: entry.role, credds: [...entry.credds], uid: entry.uid },
    mode: { push: true, notify: true },
    ...{ deadline: later, expiry: later, tokenId: 'none', key: 'none', revision: 1, reused: false },
  }))
}

const tellReady = (bus: Bus, ready: TokenReady) =>
  publish(bus, {
    kind: 'fact',
    subject: tokenSubject('ready', ready),
    id: `${ready.run}.${ready.entry}`,
    body: ready,
  })

async function untilDone(log: string): Promise<Span[]> {
  const deadline = Date.now() + patienceMs
  for (;;) {
    const lines = readFileSync(log, 'utf8').split('\n').filter(Boolean)
    if (lines.length >= targets) return lines.map(readSpan)
    if (Date.now() > deadline)
      throw new Error(`only ${lines.length} of ${targets} stores within ${patienceMs / 1_000} s`)
    await sleep(200)
  }
}

function readSpan(line: string): Span {
  const [start = 0, end = 0] = line.split(' ').map(Number)
  return { start, end }
}

function judge(spans: readonly Span[]) {
  const sorted = spans.toSorted((one, other) => one.start - other.start)
  const gaps = sorted.slice(1).map(({ start }, index) => (start - (sorted[index]?.end ?? start)) * 1_000)
  const busy = sorted.reduce((sum, { start, end }) => sum + end - start, 0)
  const whole = (sorted.at(-1)?.end ?? 0) - (sorted[0]?.start ?? 0)
  return {
    laneBusy: round(busy / whole),
    gapP50Ms: round(percentile(gaps, 0.5)),
    gapP99Ms: round(percentile(gaps, 0.99)),
    stores: sorted.length,
    overlaps: gaps.filter((gap) => gap < 0).length,
  }
}
