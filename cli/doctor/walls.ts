/** The walls of the bus: are the permissions those of this version, and the streams as they should be? */
import { setImmediate } from 'node:timers/promises'
import { PermissionViolationError } from '@nats-io/nats-core'
import { type Bus, onStatus } from '../../shared/bus/connect.ts'
import { permissionsMark } from '../../shared/bus/permissions.ts'
import {
  compareStream,
  type Difference,
  describeDifference,
} from '../../shared/bus/streams/compare-stream.ts'
import { type Owned, owned, unlessMissing } from '../../shared/bus/streams/topology.ts'
import { type Finding, ok, problem, warning } from './check.ts'
import { isAtLeast, readVersion } from './version.ts'

/** From so full on a stream is told of. */
const nearlyFull = 0.8

/** Whoever may publish here has permissions that are none of ours. */
const openDoor = 'managed-tokens-permissions.none'

/** Only the permissions of this version let an operator publish on the mark that is made from them, and on no other. */
export async function lookAtPermissions({ nc }: Bus): Promise<Finding> {
  const refused = new Set<string>()
  using _refusals = onStatus(nc, {
    error({ error }) {
      if (error instanceof PermissionViolationError) refused.add(error.subject)
    },
  })
  nc.publish(permissionsMark)
  nc.publish(openDoor)
  // The server refuses before it answers this.
  await nc.flush()
  await setImmediate()
  if (refused.has(openDoor) && !refused.has(permissionsMark))
    return ok('nats', 'the permissions in force are those of this version (docs/security.md)')
  return problem(
    'nats',
    'the permissions in force are not those of this version: a key may be good for more than it should',
    'put its deploy/nats/permissions.conf in place (docs/operations.md, Upgrade)',
  )
}

/** Looks as an operator, who may see every stream. */
export async function lookAtStreams(bus: Bus): Promise<Finding[]> {
  const looks = await Promise.all(owned.map((one) => lookAtStream(bus, one)))
  return [...judgeStreams(looks.flat()), ...judgeRepublish(bus.nc.info?.version ?? '')]
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
