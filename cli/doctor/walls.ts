/** The walls of the bus: are the permissions those of this version, and the streams as they should be? */
import { setImmediate } from 'node:timers/promises'
import type { StreamInfo } from '@nats-io/jetstream'
import { PermissionViolationError } from '@nats-io/nats-core'
import { type Bus, onStatus } from '../../shared/bus/connect.ts'
import { permissionsMark } from '../../shared/bus/permissions.ts'
import {
  compareStream,
  type Difference,
  describeDifference,
} from '../../shared/bus/streams/compare-stream.ts'
import { configOn, type Owned, owned, unlessMissing } from '../../shared/bus/streams/topology.ts'
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
  const { version = '', cluster } = bus.nc.info ?? {}
  return [
    ...judgeStreams(looks.flat()),
    ...judgeCopies(looks.flat(), cluster, bus.replicas),
    ...judgeRepublish(version),
  ]
}

type ClusterInfo = NonNullable<StreamInfo['cluster']>

interface Look {
  readonly what: string
  readonly differences: readonly Difference[]
  /** Of what the stream may hold. */
  readonly full: number
  /** Absent where the server is no part of a cluster. */
  readonly cluster?: ClusterInfo | undefined
}

async function lookAtStream(bus: Bus, { kind, name, plan }: Owned): Promise<Look[]> {
  const found = await unlessMissing(() => bus.jsm.streams.info(plan.config.name))
  if (!found) return []
  const full = found.config.max_bytes > 0 ? found.state.bytes / found.config.max_bytes : 0
  const differences = compareStream(found.config, configOn(bus, plan))
  return [{ what: `${kind} ${name}`, differences, full, cluster: found.cluster }]
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

/** How the copies stand in a cluster. Pure. */
export function judgeCopies(
  looks: readonly Look[],
  cluster: string | undefined,
  replicas: number,
): Finding[] {
  if (cluster === undefined) return []
  const away = looks.flatMap(({ cluster: copies }) =>
    (copies?.replicas ?? []).filter(({ current, offline }) => offline || !current).map(({ name }) => name),
  )
  const leaderless = looks.filter(({ cluster: copies }) => copies && !copies.leader).map(({ what }) => what)
  return [
    ...(replicas > 1
      ? []
      : [
          warning(
            'nats',
            `the server is one of the cluster ${cluster}, and each stream lies on one of its servers alone`,
            'set nats.replicas: 3, then run "managed-tokens bus upgrade" (docs/operations.md, Three servers)',
          ),
        ]),
    ...(leaderless.length > 0
      ? [
          problem(
            'nats',
            `no server leads ${leaderless.join(', ')}: nothing is taken there`,
            'start the servers of the cluster that are away: more than half are needed',
          ),
        ]
      : []),
    ...(away.length > 0
      ? [
          warning(
            'nats',
            `copies on ${[...new Set(away)].join(', ')} are away or behind`,
            'see that server and its log: with one more away, nothing is taken',
          ),
        ]
      : []),
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
