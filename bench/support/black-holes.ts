/** What nodes that answer nothing cost the others: the same pushes without them and beside them. */
import { startBlackHole } from '../../sandbox/black-hole.ts'
import type { SandboxSite } from '../../sandbox/site.ts'
import { pairsOf } from '../../sandbox/support/pairs.ts'
import { startPusher } from '../../sandbox/support/pusher.ts'
import { percentile } from './benchmark.ts'
import { inTurns } from './in-turns.ts'
import { measurePushes } from './measure-pushes.ts'

/** Of the nodes. */
const share = 0.2

export interface BlackHoleCost {
  /** When half of the healthy nodes' tokens had landed, with black holes over without. Median of the rounds. */
  readonly medianRatio: number
  /** When the last of them had. */
  readonly lastRatio: number
}

/** Turns a share of the site's nodes into black holes, and leaves them so: their sshd does not run any more. */
export async function compareWithBlackHoles(
  site: SandboxSite,
  rounds: number,
  say: (line: string) => void,
): Promise<BlackHoleCost> {
  await using stack = new AsyncDisposableStack()
  const holes = site.nodes.slice(0, Math.round(site.nodes.length * share))
  for (const node of holes) {
    await node.stop()
    stack.use(await startBlackHole(node))
  }
  const healthy = new Set(site.nodes.filter((node) => !holes.includes(node)).map(({ name }) => name))
  say(
    `black holes: ${healthy.size} nodes by themselves and beside ${holes.length}, ${rounds} pairs in turns …`,
  )
  const measured = await inTurns(
    rounds,
    () => landHealthy(site, healthy, false),
    () => landHealthy(site, healthy, true),
    ({ base, other }) =>
      say(`the last of them: ${inMs(base)} by themselves, ${inMs(other)} beside black holes`),
  )
  const ratioOf = (part: number) =>
    percentile(
      measured.map(({ base, other }) => percentile(other, part) / percentile(base, part)),
      0.5,
    )
  return { medianRatio: ratioOf(0.5), lastRatio: ratioOf(1) }
}

const inMs = (landedMs: readonly number[]) => `${Math.round(percentile(landedMs, 1))} ms`

/** When each healthy pair landed (milliseconds from the start), all pairs being queued or only those. */
async function landHealthy(
  site: SandboxSite,
  healthy: ReadonlySet<string>,
  besideOthers: boolean,
): Promise<readonly number[]> {
  await using pusher = await startPusher(site)
  const pairs = pairsOf(site)
  const awaited = pairs.filter(({ node }) => healthy.has(node))
  const queued = besideOthers ? pairs : awaited
  const { landedMs } = await measurePushes(site, awaited, () => pusher.push(queued, awaited))
  return landedMs
}
