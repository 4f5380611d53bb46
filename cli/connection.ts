/** How the command line reaches the bus, as the user `operator`, and asks the daemons. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { type Bus, type BusOptions, connectBus } from '../shared/bus.ts'
import { environment } from '../shared/config/environment.ts'
import { findConfigFile } from '../shared/config/find.ts'
import { loadSite } from '../shared/config/load.ts'
import type { NatsConfig } from '../shared/config/sections.ts'
import type { NatsUser } from '../shared/nats-permissions.ts'
import { natsFiles, seedFile, stateRootOf } from '../shared/state.ts'
import { NoNats, RefusedError, UsageError } from './errors.ts'

export interface ConnectionOptions {
  readonly config?: string | undefined
  readonly state?: string | undefined
  readonly nats?: string | undefined
}

/** How long a daemon may take to answer (milliseconds). */
const answerMs = 5_000

/** Connects as the operator, within five seconds. Throws UsageError when it is not known where NATS is or the seed cannot be read, else {@link NoNats}. */
export const connectOperator = (options: ConnectionOptions): Promise<Bus> => connectAs('operator', options)

/** The same as any user: whoever may read a daemon's seed may do what that daemon may. */
export async function connectAs(user: NatsUser, options: ConnectionOptions): Promise<Bus> {
  const root = stateRootOf(options.state, environment)
  const configured = options.nats || environment.NATS_URL ? undefined : configuredNats(options.config)
  const servers = serversOf(options, configured, root)
  const seed =
    (user === 'operator' ? environment.NATS_NKEY : undefined) ??
    configured?.seedFile?.replaceAll('{{.Daemon}}', user) ??
    seedFile(root, user)
  checkSeed(user, seed)
  return connectInTime({ servers, user, seedFile: seed, caFile: configured?.caFile, once: true })
}

function checkSeed(user: NatsUser, file: string): void {
  if (!existsSync(file))
    throw new UsageError(
      `There is no ${user}'s seed at ${file}: give the state directory of "managed-tokens up" with --state${orElse(user)}.`,
    )
  try {
    accessSync(file, constants.R_OK)
  } catch {
    throw new UsageError(
      `This user may not read the ${user}'s seed ${file}: work as the user of the daemons${orElse(user)}.`,
    )
  }
}

const orElse = (user: NatsUser) => (user === 'operator' ? ', or set NATS_NKEY to the path of a copy' : '')

/** A server that does not answer at all is given up as well. */
async function connectInTime(options: BusOptions): Promise<Bus> {
  const timeout = Promise.withResolvers<never>()
  const timer = setTimeout(() => timeout.reject(new Error('no answer')), answerMs)
  const connecting = connectBus(options)
  try {
    return await Promise.race([connecting, timeout.promise])
  } catch (error) {
    // Whoever answers too late is hung up on.
    connecting.then((late) => late[Symbol.asyncDispose]()).catch(() => {})
    throw new NoNats(options, (error as Error).message)
  } finally {
    clearTimeout(timer)
  }
}

function serversOf(
  { nats }: ConnectionOptions,
  configured: NatsConfig | undefined,
  root: string,
): readonly string[] {
  const given = nats ?? environment.NATS_URL
  if (given) return given.split(',')
  if (configured?.servers) return configured.servers
  const { url } = natsFiles(root)
  if (existsSync(url)) return [readFileSync(url, 'utf8').trim()]
  throw new UsageError(
    `No NATS server is known: start one with "managed-tokens up", or give --nats URL or --state DIR (looked in ${root}).`,
  )
}

/** The `nats` section where a configuration is found; asking the daemons needs none. */
function configuredNats(file: string | undefined): NatsConfig | undefined {
  try {
    return loadSite(findConfigFile(file)).site.nats
  } catch (error) {
    if (file) throw error
    return undefined
  }
}

/** A daemon's answer, within five seconds unless told otherwise. Throws RefusedError with the daemon's own words, or UsageError when nobody answers. */
export async function ask<T>({ nc }: Bus, subject: string, body: object, timeout = answerMs): Promise<T> {
  const answer = await nc.request(subject, JSON.stringify(body), { timeout }).catch((error: Error) => {
    throw new RefusedError(
      'no-answer',
      `Nobody answers on ${subject} (${error.message}): are the daemons running? Try "managed-tokens up".`,
    )
  })
  const parsed = answer.json<T & { error?: { code: string; message: string } }>()
  if (parsed.error) throw new RefusedError(parsed.error.code, parsed.error.message)
  return parsed
}
