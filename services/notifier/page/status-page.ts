/** The status page: what this notifier knows of every service, for people without a login to the bus. Loaded only where it is configured. */
import type { AddressInfo } from 'node:net'
import type { KV } from '@nats-io/kv'
import type { Logger } from 'pino'
import type { Bus } from '../../../shared/bus/connect.ts'
import { awaitTopology } from '../../../shared/bus/streams/topology.ts'
import type { Site } from '../../../shared/config/site.ts'
import { buckets } from '../../../shared/contracts/subjects.ts'
import type { LedgerStore } from '../ledger/ledger-store.ts'
import { openApi } from './api.ts'
import { openBoard } from './board.ts'
import { watchBus } from './connection.ts'
import { openFacts } from './facts/facts.ts'
import { followRuns } from './facts/recent-runs.ts'
import { startLive } from './live.ts'
import { openPages } from './pages.ts'
import { createServer } from './server.ts'
import { openStreams } from './streams.ts'

export interface StatusPageDeps {
  readonly bus: Bus
  readonly log: Logger
  readonly site: () => Site
  readonly ledger: LedgerStore
  readonly targets: KV
  readonly failures: KV
  readonly runs: KV
}

export type StatusPageSettings = NonNullable<Site['notifier']['statusPage']>

export interface StatusPage extends AsyncDisposable {
  /** Undefined where it does not listen. */
  readonly port?: number
}

/** Listens once it knows how everything stands. A port that is taken is warned of: the notifier works without. */
export async function openStatusPage(
  settings: StatusPageSettings,
  deps: StatusPageDeps,
): Promise<StatusPage> {
  const { bus, log, site, ledger } = deps
  const { basePath: base, title } = settings
  await using stack = new AsyncDisposableStack()
  await awaitTopology(bus, { streams: [], buckets: [buckets.uids, buckets.revoked] })
  const [uids, revoked] = [await bus.bucket(buckets.uids), await bus.bucket(buckets.revoked)]
  const facts = stack.use(await openFacts({ ...deps, uids, revoked }))
  const recent = stack.use(followRuns(ledger, facts))
  const board = openBoard(site, facts, base)
  await board.lookAtAll()
  const streams = openStreams()
  const connection = stack.use(watchBus(bus, () => streams.sendAll('part', pages.asOf())))
  const known = { site, ledger, facts, board, recent, connection, base }
  const pages = openPages(known)
  const { asOf, summary } = pages
  stack.use(startLive({ facts, board, streams, asOf, summary }))
  const warn = (error: unknown) => log.warn({ err: error }, 'could not answer who asked the status page')
  const server = await createServer({
    ...{ base, title, pages, api: openApi(known), streams, warn, readRun: ledger.readRun },
  })
  stack.defer(() => server.close())
  // Who looks on is let go first: a server does not close while it has open answers.
  stack.use(streams)
  // The first who comes waits no longer than everybody else.
  await pages.fleet({ q: '', state: '' })
  let port: number | undefined
  try {
    const address = await server.listen({ host: settings.host, port: settings.port })
    port = (server.server.address() as AddressInfo).port
    log.info({ address: `${address}${base}` }, 'the status page is there')
  } catch (error) {
    log.warn(
      { host: settings.host, port: settings.port, reason: (error as NodeJS.ErrnoException).code },
      'no status page: another process has the port, or the address is not ours; change notifier.statusPage',
    )
  }
  const open = stack.move()
  return { ...(port !== undefined && { port }), [Symbol.asyncDispose]: () => open.disposeAsync() }
}
