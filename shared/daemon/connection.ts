/** A daemon's connection to NATS: which servers, as whom, and what the log says of it. */
import { existsSync, readFileSync } from 'node:fs'
import type { Logger } from 'pino'
import { type Bus, connectBus, onStatus } from '../bus/connect.ts'
import type { Site } from '../config/site.ts'
import type { Daemon } from '../contracts/subjects.ts'
import { watchConnection } from '../telemetry/health.ts'
import { refuse } from './options.ts'
import { natsFiles, seedFile } from './state.ts'

/** Given, configured, or the private server of `managed-tokens up`. Ends this process where there is none. */
export function findServers(
  daemon: Daemon,
  site: Site,
  stateRoot: string,
  given: string | undefined,
): readonly string[] {
  if (given) return [given]
  if (site.nats.servers) return site.nats.servers
  const { url } = natsFiles(stateRoot)
  if (existsSync(url)) return [readFileSync(url, 'utf8').trim()]
  return refuse(
    `${daemon}: no NATS server is known: set nats.servers in the configuration, give --nats URL, or start everything with "managed-tokens up".`,
  )
}

/** Connects, however long it takes until a server is there. */
export async function connectDaemon(
  daemon: Daemon,
  site: Site,
  stateRoot: string,
  servers: readonly string[],
  log: Logger,
): Promise<Bus> {
  log.info({ servers }, 'connecting to NATS')
  const seed = site.nats.seedFile?.replaceAll('{{.Daemon}}', daemon) ?? seedFile(stateRoot, daemon)
  const { caFile, replicas, domain } = site.nats
  return connectBus({ servers, user: daemon, seedFile: seed, caFile, replicas, domain })
}

/** Says when the server is away and when it is back, until disposed; readiness follows it. */
export function logConnection({ nc }: Bus, log: Logger): Disposable {
  let isConnected = true
  watchConnection(() => isConnected && !nc.isClosed())
  return onStatus(nc, {
    disconnect() {
      isConnected = false
      log.warn('NATS is away: reconnecting until it is back')
    },
    reconnect() {
      isConnected = true
      log.info('NATS is back')
    },
    error({ error }) {
      log.error({ reason: error.message }, 'NATS refused something')
    },
  })
}
