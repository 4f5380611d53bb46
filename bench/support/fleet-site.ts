/**
 * A laboratory's whole fleet of services, without its programs: bus, Vault and the four daemons are real, and where the daemons
 * would start a program they wait as long as it takes.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type Layout, layoutOf } from '../../sandbox/layout.ts'
import { startDaemon, startServer } from '../../sandbox/support/daemon.ts'
import type { Bus } from '../../shared/bus/connect.ts'
import { type Daemon, daemons } from '../../shared/contracts/subjects.ts'
import { startVault } from './answering-vault.ts'
import { peakRssMb, readStat } from './process-facts.ts'

const nodesEach = 5
/** How many nodes there are, each with some accounts. */
const nodeCount = 997
/** As many as such a laboratory has processors for: the programs are not here. */
const atOnce = { refreshes: 64, pushes: 256 }

export interface FleetSite extends AsyncDisposable {
  /** As an operator. */
  readonly bus: Bus
  /** As whoever may look at every stream. */
  readonly admin: Bus
  readonly services: number
  /** What each daemon has needed until now. */
  usage(): Record<Daemon, Usage>
}

export interface Usage {
  /** The highest so far (MB). */
  readonly rssMb: number
  readonly cpuMs: number
}

/** Starts all of it, with nothing done yet. Disposing stops it; the directory is the caller's. `nodeOptions` are for the daemons' Node. */
export async function openFleetSite(dir: string, services: number, nodeOptions = ''): Promise<FleetSite> {
  await using stack = new AsyncDisposableStack()
  mkdirSync(dir, { recursive: true })
  const layout = layoutOf(dir)
  for (const directory of ['vault', 'logs', 'state'] as const) mkdirSync(layout[directory])
  const vault = stack.use(await startVault(layout))
  writeFileSync(layout.config, stringify(configOf(layout, services, vault.port)), { mode: 0o600 })
  const server = stack.use(await startServer({ layout }))
  const site = { layout, config: layout.config, env: {} }
  const preload = `--import=${join(import.meta.dirname, 'waiting-programs.ts')} ${nodeOptions}`
  const running = await Promise.all(
    daemons.map(async (daemon) => {
      const child = stack.use(await startDaemon(daemon, site, server.url, preload))
      return [daemon, Number(child.pid())] as const
    }),
  )
  const bus = stack.use(await server.connect('operator'))
  const admin = stack.use(await server.connect('admin'))
  const opened = stack.move()
  return {
    ...{ bus, admin, services },
    usage: () =>
      Object.fromEntries(
        running.map(([daemon, pid]) => [
          daemon,
          { rssMb: peakRssMb(pid), cpuMs: readStat(pid)?.ownMs ?? Number.NaN },
        ]),
      ) as Record<Daemon, Usage>,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** Names are as long as people's are. */
const configOf = (layout: Layout, services: number, vaultPort: number) => ({
  keytabPath: layout.keytabs,
  kerberosPrincipalPattern: '{{.Account}}@BENCH.TEST',
  vaultServer: `localhost:${vaultPort}`,
  minTokenLifetime: '3d',
  timeouts: { globalTimeout: '1h' },
  schedule: { cron: false, uids: false },
  vault: { caPath: layout.certificates },
  refresher: { concurrency: atOnce.refreshes },
  storer: { lockFile: join(layout.state, 'storer.lock') },
  distributor: { concurrency: atOnce.pushes },
  experiments: Object.fromEntries(
    Array.from({ length: services }, (_, n) => [`experiment${n}`, experimentOf(n)]),
  ),
})

const experimentOf = (n: number) => ({
  emails: [`experiment${n}-operators@bench.test`],
  roles: {
    production: {
      account: `exp${n}pro`,
      desiredUIDOverride: 10_000 + n,
      tokenGetterOverride: 'getToken',
      destinationNodes: Array.from(
        { length: nodesEach },
        (_, k) => `submit${(n * nodesEach + k) % nodeCount}.bench.test`,
      ),
    },
  },
})
