/** Where the bus is and what opens it: options before the environment, the environment before the configuration, that before the state directory. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import type { NatsUser } from '../../shared/bus/permissions.ts'
import type { Environment } from '../../shared/config/environment.ts'
import type { NatsConfig } from '../../shared/config/sections/common.ts'
import { natsFiles, seedFile, stateRootOf } from '../../shared/daemon/state.ts'
import { UsageError } from '../terminal/errors.ts'

export interface ConnectionOptions {
  readonly config?: string | undefined
  readonly state?: string | undefined
  readonly nats?: string | undefined
}

export interface WayToBus {
  readonly servers: readonly string[]
  readonly seedFile: string
  readonly caFile: string | undefined
  readonly replicas: number
  readonly domain: string | undefined
}

type Variables = Pick<Environment, 'MANAGED_TOKENS_STATE' | 'NATS_URL' | 'NATS_NKEY' | 'NATS_CA'>

/** Throws UsageError when it is not known where NATS is, or the seed cannot be read. */
export function findWayToBus(
  user: NatsUser,
  options: ConnectionOptions,
  env: Variables,
  configured: Partial<NatsConfig> | undefined,
): WayToBus {
  const root = stateRootOf(options.state, env)
  const given = (options.nats ?? env.NATS_URL)?.split(',')
  // Whoever names a plain server means one without TLS, which the client would refuse.
  const isPlain = given && !given.some((url) => url.startsWith('tls:'))
  return {
    servers: given ?? configured?.servers ?? privateServer(root),
    seedFile: seedOf(user, options, env, configured, root),
    replicas: configured?.replicas ?? 1,
    domain: configured?.domain,
    caFile: isPlain ? undefined : (env.NATS_CA ?? configured?.caFile),
  }
}

/** The one that `up` started. */
function privateServer(root: string): string[] {
  const { url } = natsFiles(root)
  if (existsSync(url)) return [readFileSync(url, 'utf8').trim()]
  throw new UsageError(
    `No NATS server is known: start one with "managed-tokens up", or give --nats URL or --state DIR (looked in ${root}).`,
  )
}

/** The operator's seed is where `keys` puts it, though the configuration may name a place that only daemons have. */
function seedOf(
  user: NatsUser,
  { state }: ConnectionOptions,
  env: Variables,
  configured: Partial<NatsConfig> | undefined,
  root: string,
): string {
  const named = user === 'operator' ? env.NATS_NKEY : undefined
  const inState = seedFile(root, user)
  const inConfig = configured?.seedFile?.replaceAll('{{.Daemon}}', user)
  const places = [...new Set(state ? [inState, inConfig] : [inConfig, inState])].filter(
    (one) => one !== undefined,
  )
  const found = named ?? places.find((file) => existsSync(file))
  if (found === undefined || !existsSync(found))
    throw new UsageError(
      `There is no ${user}'s seed at ${found ?? places.join(' or ')}: give the state directory of "managed-tokens up" with --state${orElse(user)}.`,
    )
  try {
    accessSync(found, constants.R_OK)
  } catch {
    throw new UsageError(
      `This user may not read the ${user}'s seed ${found}: work as the user of the daemons${orElse(user)}.`,
    )
  }
  return found
}

const orElse = (user: NatsUser) => (user === 'operator' ? ', or set NATS_NKEY to the path of a copy' : '')
