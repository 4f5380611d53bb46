/** The walls of the bus: are the permissions those of this version, and the streams as they should be? */
import { PermissionViolationError } from '@nats-io/nats-core'
import type { Bus } from '../../shared/bus.ts'
import { compareStream, type Difference, describeDifference } from '../../shared/compare-stream.ts'
import { permissionsMark } from '../../shared/nats-permissions.ts'
import { type Owned, owned, unlessMissing } from '../../shared/topology.ts'
import { type Finding, ok, problem, warning } from './check.ts'
import { isAtLeast, readVersion } from './version.ts'

/** From so full on a stream is told of. */
const nearlyFull = 0.8

/** Looks as an operator, who may see every stream. */
export async function lookAtWalls(bus: Bus): Promise<Finding[]> {
  const permissions = await lookAtPermissions(bus)
  if (permissions.state !== 'ok') return [permissions]
  const streams = await Promise.all(owned.map((one) => lookAtStream(bus, one)))
  return [permissions, ...judgeStreams(streams.flat()), ...judgeRepublish(bus.nc.info?.version ?? '')]
}

/** Only the permissions of this version let an operator publish on the mark that is made from them. */
async function lookAtPermissions({ nc }: Bus): Promise<Finding> {
  const isRefused = Promise.withResolvers<boolean>()
  const watching = (async () => {
    for await (const status of nc.status())
      if (status.type === 'error' && status.error instanceof PermissionViolationError)
        if (status.error.subject === permissionsMark) return isRefused.resolve(true)
  })()
  watching.catch(() => undefined)
  nc.publish(permissionsMark)
  // The server refuses before it answers this.
  await nc.flush()
  setImmediate(() => isRefused.resolve(false))
  if (!(await isRefused.promise))
    return ok(
      'nats',
      'the permissions in force are those of this version (docs/security.md: what they let through)',
    )
  return problem(
    'nats',
    'the permissions in force on the bus are not those of this version: keys may be good for more than they should',
    'put deploy/nats/permissions.conf of this version in place (docs/operations.md, Upgrade)',
  )
}

interface Look {
  readonly what: string
  readonly differences: readonly Difference[]
  /** Of what the stream may hold. */
  readonly full: number
}

async function lookAtStream({ jsm }: Bus, { kind, name, plan }: Owned): Promise<Look[]> {
  const found = await unlessMissing(() => jsm.streams.info(plan.config.name))
  if (!found) return []
  const full = found.config.max_bytes > 0 ? found.state.bytes / found.config.max_bytes : 0
  return [{ what: `${kind} ${name}`, differences: compareStream(found.config, plan.config), full }]
}

/** What an earlier version made differently. Other differences somebody has made. */
const limits = new Set(['max_bytes', 'discard'])

/** Pure. */
export function judgeStreams(looks: readonly Look[]): Finding[] {
  const upgrade = 'run "managed-tokens bus upgrade"'
  const outdated = looks.filter(({ differences }) => differences.length > 0)
  const [odd, old] = [false, true].map((isOld) =>
    outdated.filter(({ differences }) => isOld === differences.every(({ property }) => limits.has(property))),
  )
  const names = old?.map(({ what }) => what).join(', ')
  return [
    ...(odd ?? []).map(({ what, differences }) =>
      problem(
        'nats',
        `${what} is not as it was made: ${differences.map(describeDifference).join('; ')}`,
        upgrade,
      ),
    ),
    ...(names ? [warning('nats', `made by an earlier version, without limits: ${names}`, upgrade)] : []),
    ...looks
      .filter(({ full }) => full >= nearlyFull)
      .map(({ what, full }) =>
        warning('nats', `${what} is ${Math.floor(full * 100)} % full`, 'see docs/bus.md, "How much fits"'),
      ),
  ]
}

const mendsRepublish = [2, 10, 0] as const

/** What an old server cannot do. Pure. */
function judgeRepublish(text: string): Finding[] {
  const version = readVersion(text)
  if (!version || isAtLeast(version, mendsRepublish)) return []
  const says = `nats-server ${text} cannot stop a stream that copies its messages (republish), only remove it`
  return [warning('nats', says, 'take 2.12.9 or newer (docs/security.md, "What NATS does not look at")')]
}
