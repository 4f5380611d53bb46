/** `managed-tokens bus upgrade`: brings the streams and buckets that are there up to what this version wants, as the bus user `admin`. */
import type { Bus } from '../shared/bus/connect.ts'
import {
  compareStream,
  type Difference,
  describeDifference,
  updatedConfig,
} from '../shared/bus/streams/compare-stream.ts'
import { findDamaged, isDamaged } from '../shared/bus/streams/damage.ts'
import { configOn, type Owned, owned, unlessMissing } from '../shared/bus/streams/topology.ts'
import { connectAs } from './bus/connection.ts'
import type { ConnectionOptions } from './bus/way-to-bus.ts'

export interface BusUpgradeOptions extends ConnectionOptions {
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** How one stream or bucket stands. */
export interface Standing {
  readonly kind: Owned['kind']
  readonly name: string
  /** `missing`: its daemon makes it. `outdated`: it would be changed, and was not, as was wanted. */
  readonly state: 'as-wanted' | 'changed' | 'outdated' | 'missing' | 'refused' | 'damaged'
  readonly differences: readonly Difference[]
  /** The server's words, where it refused the change. */
  readonly reason?: string
}

/** Exit code 0: everything is as wanted, or only looked at; 1: the server refused a change. */
export async function busUpgrade(options: BusUpgradeOptions): Promise<number> {
  await using bus = await connectAs('admin', options)
  const standings: Standing[] = []
  for (const one of owned) standings.push(await upgradeOne(bus, one, options.dryRun ?? false))
  process.stdout.write(
    options.json ? `${JSON.stringify({ streams: standings })}\n` : `${renderStandings(standings)}\n`,
  )
  return standings.some(({ state }) => state === 'refused') ? 1 : 0
}

async function upgradeOne(bus: Bus, one: Owned, dryRun: boolean): Promise<Standing> {
  const { kind, name, plan } = one
  const wanted = configOn(bus, plan)
  const stream = wanted.name
  const found = await unlessMissing(() => bus.jsm.streams.info(stream))
  if (!found) return { kind, name, state: 'missing', differences: [] }
  if (isDamaged(found) && (await findDamaged(bus, [one])).length > 0) {
    if (!dryRun) await bus.jsm.streams.delete(stream)
    return { kind, name, state: 'damaged', differences: [] }
  }
  const differences = compareStream(found.config, wanted)
  const standing = { kind, name, differences }
  if (differences.length === 0) return { ...standing, state: 'as-wanted' }
  if (dryRun) return { ...standing, state: 'outdated' }
  try {
    await bus.jsm.streams.update(stream, updatedConfig(found.config, differences))
    return { ...standing, state: 'changed' }
  } catch (error) {
    return { ...standing, state: 'refused', reason: (error as Error).message }
  }
}

/** For people: what was done, or would be. Pure. */
export function renderStandings(standings: readonly Standing[]): string {
  const lines = standings.flatMap(describeStanding)
  if (lines.length === 0) return 'Every stream and bucket is as this version wants it.'
  const isLeft = standings.some(({ state }) => state === 'outdated')
  return [...lines, ...(isLeft ? ['Nothing was changed: leave --dry-run out to do it.'] : [])].join('\n')
}

function describeStanding({ kind, name, state, differences, reason }: Standing): string[] {
  const what = `${kind} ${name}`
  const list = differences.map(describeDifference).join('; ')
  if (state === 'as-wanted') return []
  if (state === 'changed') return [`${what} is changed: ${list}`]
  if (state === 'outdated') return [`${what} would be changed: ${list}`]
  if (state === 'damaged')
    return [
      `${what} was damaged on the server’s disk: nothing was found in it. Removed (with --dry-run: not yet), its daemon makes it again`,
    ]
  if (state === 'missing') return [`${what} is not there: its daemon makes it`]
  return [
    `${what} cannot be changed, says the server (${reason}): ${list}. docs/operations.md says what to do (Upgrade).`,
  ]
}
