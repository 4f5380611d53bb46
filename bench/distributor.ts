/**
 * How fast tokens get to nodes, and at what cost: 100 pairs of entry and node over real sshd and Kerberos, against a driver of
 * the predecessor's shape on the same site; over connections that are kept open; and with nodes that answer nothing.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { generateEntries } from '../sandbox/generated-entries.ts'
import { writeSshdConfig } from '../sandbox/nodes.ts'
import { type SandboxSite, startSite } from '../sandbox/site.ts'
import { pairsOf } from '../sandbox/support/pairs.ts'
import { startPusher } from '../sandbox/support/pusher.ts'
import { type Benchmark, type Figures, percentile, round } from './support/benchmark.ts'
import { compareWithBlackHoles } from './support/black-holes.ts'
import { type Measured, measurePushes } from './support/measure-pushes.ts'
import { pushLikePredecessor } from './support/predecessor.ts'

const entries = generateEntries({ entries: 10, nodes: 10, credds: 0 })
const pairCount = entries.flatMap(({ nodes }) => nodes).length
const rounds = 3
const blackHoleRounds = 5
/** More connections than the predecessor makes to a node at once. */
const raisedMaxStartups = '1000'

export const benchmark: Benchmark = {
  about: `distributor: ${pairCount} pairs of entry and node, against three rsync for each, all at once`,
  thresholds: {
    // With the same key exchange on both sides, ssh's own choice or a cheap one: three logins against one.
    wallRatio: { atLeast: 2.5 },
    cpuRatio: { atLeast: 1.6 },
    warmWallRatio: { atLeast: 5 },
    connectionsPerPair: { atMost: 1 },
    refused: { atMost: 0 },
    lost: { atMost: 0 },
    // Else it has done less work than ours, and the ratios say nothing.
    baselineLost: { atMost: 0 },
    blackHoleMedianRatio: { atMost: 1.1 },
    blackHoleLastRatio: { atMost: 1.1 },
  },
  async run(dir, say) {
    say('making a site of 10 nodes and 10 accounts …')
    await using site = await startSite({ dir: join(dir, 'site'), entries, settings: patient })
    const measured = await measureRounds(site, say)
    await setMaxStartups(site)
    say('the predecessor with sshd’s own limits …')
    const limited = await measurePredecessor(site)
    const holes = await compareWithBlackHoles(site, blackHoleRounds, say)
    return judge(measured, limited, holes)
  },
}

/** Production's timeouts instead of the sandbox's, which are for demonstrations. */
const patient = { timeouts: { globalTimeout: '300s', kerberosTimeout: '20s', pushTimeout: '30s' } }

/** The same pairs in three ways, one after the other. */
interface Round {
  readonly baseline: Measured
  readonly ours: Measured
  readonly warm: Measured
}

async function measureRounds(site: SandboxSite, say: (line: string) => void): Promise<Round[]> {
  const measured: Round[] = []
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}: the predecessor, the distributor, and over kept connections …`)
    await setMaxStartups(site, raisedMaxStartups)
    const baseline = await measurePredecessor(site)
    await setMaxStartups(site)
    const [ours, warm] = [await measureOurs(site), await measureWarm(site)]
    say(
      [baseline, ours, warm]
        .map(({ wallMs, cpuMs }) => `${inSeconds(wallMs)} (CPU ${inSeconds(cpuMs)})`)
        .join(', '),
    )
    measured.push({ baseline, ours, warm })
  }
  return measured
}

function measurePredecessor(site: SandboxSite): Promise<Measured> {
  const pairs = pairsOf(site)
  return measurePushes(site, pairs, () => pushLikePredecessor(site, pairs))
}

async function measureOurs(site: SandboxSite): Promise<Measured> {
  await using pusher = await startPusher(site)
  const pairs = pairsOf(site)
  return await measurePushes(site, pairs, () => pusher.push(pairs))
}

/** The second run of a distributor that keeps its connections. */
async function measureWarm(site: SandboxSite): Promise<Measured> {
  const config = join(site.dir, 'control-master.yml')
  const settings = parse(readFileSync(site.config, 'utf8')) as Record<string, unknown>
  writeFileSync(config, stringify({ ...settings, distributor: { controlMaster: true } }), { mode: 0o600 })
  await using pusher = await startPusher({ ...site, config })
  await pusher.push(pairsOf(site))
  const pairs = pairsOf(site)
  return await measurePushes(site, pairs, () => pusher.push(pairs), { keepsSessions: true })
}

/** With the key exchange that production has. */
async function setMaxStartups({ layout, nodes }: SandboxSite, maxStartups?: string): Promise<void> {
  for (const node of nodes) {
    await node.stop()
    writeSshdConfig(layout, node, { ownKeyExchange: true, ...(maxStartups && { maxStartups }) })
    await node.start()
  }
}

function judge(
  measured: readonly Round[],
  limited: Measured,
  holes: { readonly medianRatio: number; readonly lastRatio: number },
): Figures {
  const middle = (figure: (round: Round) => number) => round(percentile(measured.map(figure), 0.5))
  const worst = (figure: (round: Round) => number) => round(Math.max(...measured.map(figure)))
  return {
    wallRatio: middle(({ baseline, ours }) => baseline.wallMs / ours.wallMs),
    cpuRatio: middle(({ baseline, ours }) => baseline.cpuMs / ours.cpuMs),
    warmWallRatio: middle(({ baseline, warm }) => baseline.wallMs / warm.wallMs),
    warmCpuRatio: middle(({ baseline, warm }) => baseline.cpuMs / warm.cpuMs),
    connectionsPerPair: worst(({ ours }) => ours.made / pairCount),
    refused: worst(({ ours, warm }) => ours.refused + warm.refused),
    lost: worst(({ ours, warm }) => ours.lost + warm.lost),
    firstTokenMs: middle(({ ours }) => firstOf(ours)),
    lastTokenMs: middle(({ ours }) => lastOf(ours)),
    wallMs: middle(({ ours }) => ours.wallMs),
    cpuMs: middle(({ ours }) => ours.cpuMs),
    warmWallMs: middle(({ warm }) => warm.wallMs),
    warmCpuMs: middle(({ warm }) => warm.cpuMs),
    baselineFirstTokenMs: middle(({ baseline }) => firstOf(baseline)),
    baselineLastTokenMs: middle(({ baseline }) => lastOf(baseline)),
    baselineWallMs: middle(({ baseline }) => baseline.wallMs),
    baselineCpuMs: middle(({ baseline }) => baseline.cpuMs),
    baselineConnectionsPerPair: worst(({ baseline }) => baseline.made / pairCount),
    baselineLost: worst(({ baseline }) => baseline.lost),
    baselineRefusedAtDefault: limited.refused,
    baselineLostAtDefault: limited.lost,
    blackHoleMedianRatio: round(holes.medianRatio),
    blackHoleLastRatio: round(holes.lastRatio),
  }
}

const inSeconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`
const firstOf = ({ landedMs }: Measured) => landedMs[0] ?? Number.NaN
const lastOf = ({ landedMs }: Measured) => landedMs.at(-1) ?? Number.NaN
