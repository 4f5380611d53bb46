/** One daemon by itself on a sandbox site, with a private nats-server: what a benchmark of that daemon needs and no more. */
import { join } from 'node:path'
import { type KeptChild, keepRunning } from '../../cli/up/child.ts'
import { ensureSealingKeys } from '../../cli/up/credentials.ts'
import { startNatsServer } from '../../cli/up/nats-server.ts'
import { smallProcess } from '../../cli/up/small-process.ts'
import { type Bus, connectBus } from '../../shared/bus/connect.ts'
import type { NatsUser } from '../../shared/bus/permissions.ts'
import { ensureOwned } from '../../shared/bus/streams/topology.ts'
import { buckets, type Daemon, revokedKey } from '../../shared/contracts/subjects.ts'
import { seedFile } from '../../shared/daemon/state.ts'
import type { RevokedList } from '../../shared/work/revoked.ts'
import type { Layout } from '../layout.ts'

/** What a daemon has to be told of its site. */
export interface DaemonSite {
  readonly layout: Layout
  readonly config: string
  readonly env: Readonly<Record<string, string>>
}

export interface BenchServer extends AsyncDisposable {
  readonly url: string
  /** A connection with that user's permissions; the caller closes it. */
  connect(user: NatsUser): Promise<Bus>
}

/** With the users, permissions and keys of production. Disposing stops it. */
export async function startServer({ layout }: Pick<DaemonSite, 'layout'>): Promise<BenchServer> {
  const server = await startNatsServer({
    stateRoot: layout.state,
    port: 0,
    logFile: join(layout.logs, 'nats-server.log'),
    onEvent: () => {},
  })
  await ensureSealingKeys(layout.state)
  const { url } = server
  return {
    url,
    connect: (user) => connectBus({ servers: [url], user, seedFile: seedFile(layout.state, user) }),
    [Symbol.asyncDispose]: () => server.stop(),
  }
}

/** What a refresher makes on the bus before the other daemons do anything: its streams and buckets, and the list of nobody revoked. */
export async function standForRefresher(bus: Bus): Promise<void> {
  await ensureOwned(bus, 'refresher')
  const list: RevokedList = { services: [] }
  await (await bus.bucket(buckets.revoked)).put(revokedKey, JSON.stringify(list))
}

export const daemonMain = (daemon: Daemon) => join(import.meta.dirname, '../../services', daemon, 'main.ts')

/** Returns when it is ready. Disposing stops it. `nodeOptions` are for its Node. */
export async function startDaemon(
  daemon: Daemon,
  site: DaemonSite,
  url: string,
  nodeOptions = '',
): Promise<AsyncDisposable & Pick<KeptChild, 'pid'>> {
  const child = keepRunning(
    {
      name: daemon,
      command: process.execPath,
      args: [
        daemonMain(daemon),
        ...['--config', site.config, '--state', site.layout.state, '--nats', url, '--allow-root'],
      ],
      env: {
        ...{ PATH: process.env.PATH, HOME: process.env.HOME },
        ...site.env,
        ...smallProcess(site.layout.state, nodeOptions),
      },
      logFile: join(site.layout.logs, `${daemon}.log`),
      ready: 'message',
      deathSignal: 'TERM',
      hopeless: { 2: `The ${daemon} refused its configuration: see its log.` },
      stopGraceMs: 9_000,
    },
    () => {},
  )
  await child.ready()
  return { pid: () => child.pid(), [Symbol.asyncDispose]: () => child.stop() }
}
