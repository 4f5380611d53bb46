/** What it took to get tokens to nodes: wall time, CPU time of both ends, connections, and when each token landed. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SandboxSite } from '../../sandbox/site.ts'
import { landedAt, type Pair } from '../../sandbox/support/pairs.ts'
import { type Connections, countConnections, markLogs } from '../../sandbox/support/sshd-log.ts'
import { readCpuMs, untilSessionsEnd } from './site-cpu.ts'

export interface Measured extends Connections {
  /** Until whoever pushed knew that it was done. */
  readonly wallMs: number
  readonly cpuMs: number
  /** From the start until a pair's token was there, in ascending order; pairs without one are absent. */
  readonly landedMs: readonly number[]
  /** Pairs whose token did not arrive. */
  readonly lost: number
}

/** Measures `act`, which pushes the pairs. With `keepsSessions` nobody waits for the end of what ssh keeps open. */
export async function measurePushes(
  site: SandboxSite,
  pairs: readonly Pair[],
  act: () => Promise<void>,
  { keepsSessions = false } = {},
): Promise<Measured> {
  const mark = markLogs(site)
  const cpuBefore = readCpuMs(site)
  const startedAt = Date.now()
  const started = performance.now()
  await act()
  const wallMs = performance.now() - started
  if (!keepsSessions) await untilSessionsEnd(site)
  const cpuMs = readCpuMs(site) - cpuBefore
  // What sshd has said last is still on its way through our own pipe into its log.
  await sleep(100)
  const landed = pairs.flatMap((pair) => landedAt(site, pair) ?? [])
  return {
    ...{ wallMs, cpuMs, ...countConnections(mark), lost: pairs.length - landed.length },
    landedMs: landed.map((at) => at - startedAt).sort((one, other) => one - other),
  }
}
