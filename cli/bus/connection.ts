/** How the command line reaches the bus, as the user `operator`, and asks the daemons. */
import { errors } from '@nats-io/nats-core'
import { type Bus, type BusOptions, connectBus } from '../../shared/bus/connect.ts'
import type { NatsUser } from '../../shared/bus/permissions.ts'
import { environment } from '../../shared/config/environment.ts'
import { loadSite } from '../../shared/config/load.ts'
import { findConfigFile } from '../../shared/config/read/find.ts'
import { type NatsConfig, natsSection } from '../../shared/config/sections/common.ts'
import { cleanLine, cleanTexts } from '../../shared/contracts/one-sentence.ts'
import { NoNats, RefusedError, silence, UsageError } from '../terminal/errors.ts'
import { type ConnectionOptions, findWayToBus } from './way-to-bus.ts'

/** How long a daemon may take to answer (milliseconds). */
const answerMs = 5_000

/** Connects as the operator, within five seconds. Throws UsageError when it is not known where NATS is or the seed cannot be read, else {@link NoNats}. */
export const connectOperator = (options: ConnectionOptions): Promise<Bus> => connectAs('operator', options)

/** The same as any user: whoever may read a daemon's seed may do what that daemon may. */
export async function connectAs(user: NatsUser, options: ConnectionOptions): Promise<Bus> {
  const way = findWayToBus(user, options, environment, configuredNats(options.config))
  refuseOddServers(way.servers)
  return connectInTime({ ...way, user, once: true })
}

/** Throws UsageError where one of them is no address of a NATS server. Says none of them: one may hold a password. */
export function refuseOddServers(servers: readonly string[]): void {
  if (!natsSection.shape.servers.safeParse(servers).success)
    throw new UsageError(
      'What --nats or $NATS_URL says is no address of a NATS server: give nats://HOST:PORT or tls://HOST:PORT, without user or password; commas between several.',
    )
}

/** A server that does not answer at all is given up as well. */
async function connectInTime(options: BusOptions): Promise<Bus> {
  const timeout = Promise.withResolvers<never>()
  const timer = setTimeout(() => timeout.reject(new Error(silence)), answerMs)
  const connecting = connectBus(options)
  try {
    return await Promise.race([connecting, timeout.promise])
  } catch (error) {
    // Whoever answers too late is hung up on.
    connecting.then((late) => late[Symbol.asyncDispose]()).catch(() => {})
    throw new NoNats(options, cleanLine((error as Error).message))
  } finally {
    clearTimeout(timer)
  }
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

/** Nobody listens there, or the bus or a daemon has got stuck. */
function noAnswer(subject: string, error: Error): RefusedError {
  const said = cleanLine(error.message)
  const isAlone = error instanceof errors.NoRespondersError || error instanceof errors.RequestError
  return isAlone
    ? new RefusedError(
        'no-answer',
        `Nobody answers on ${subject} (${said}): are the daemons running? Try "managed-tokens up".`,
      )
    : new RefusedError(
        'bus-not-ready',
        `No answer on ${subject} in time (${said}): the bus or a daemon is not ready. Try again in a moment; "managed-tokens doctor" says which.`,
      )
}

/** A daemon's answer with its texts cleaned, within five seconds unless told otherwise. Throws RefusedError with the daemon's own words, or UsageError when nobody answers. */
export async function ask<T>({ nc }: Bus, subject: string, body: object, timeout = answerMs): Promise<T> {
  const answer = await nc.request(subject, JSON.stringify(body), { timeout }).catch((error: Error) => {
    throw noAnswer(subject, error)
  })
  const parsed = cleanTexts(answer.json<T & { error?: { code: string; message: string } }>())
  if (parsed.error) throw new RefusedError(parsed.error.code, parsed.error.message)
  return parsed
}
