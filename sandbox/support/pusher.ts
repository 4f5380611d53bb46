/** The distributor by itself on a sandbox site, fed with pushes of sealed tokens as they come from the bus. */
import { rmSync } from 'node:fs'
import type { Bus } from '../../shared/bus/connect.ts'
import type { NatsUser } from '../../shared/bus/permissions.ts'
import { publishAll } from '../../shared/bus/publish.ts'
import type { TokenFailed, TokenPushed } from '../../shared/contracts/messages.ts'
import { nextRunId } from '../../shared/contracts/run-id.ts'
import { buckets, pushSubject } from '../../shared/contracts/subjects.ts'
import { readSealing } from '../../shared/daemon/sealing-keys.ts'
import { natsFiles } from '../../shared/daemon/state.ts'
import type { TargetRecord } from '../../shared/work/target-record.ts'
import { entryName } from '../entry.ts'
import type { SandboxSite } from '../site.ts'
import { standForRefresher, startDaemon, startServer } from './daemon.ts'
import type { Pair } from './pairs.ts'
import { pushItems } from './push-items.ts'

export interface Pusher extends AsyncDisposable {
  /** Queues pushes of a new run, all at once; ends when those `awaited` (default: all) were reported as pushed. */
  push(pairs: readonly Pair[], awaited?: readonly Pair[]): Promise<void>
  /** How often each pair was tried in its last run, as its claim has counted. */
  attempts(pairs: readonly Pair[]): Promise<number[]>
  /** What was reported as failed so far. */
  readonly failures: readonly TokenFailed[]
}

/** Many times what it takes (milliseconds). */
const patienceMs = 180_000

/** A server with an empty store and a distributor that has not done anything yet. Disposing stops both. */
export async function startPusher(site: SandboxSite): Promise<Pusher> {
  await using stack = new AsyncDisposableStack()
  const { state } = site.layout
  rmSync(natsFiles(state).store, { recursive: true, force: true })
  const server = stack.use(await startServer(site))
  const connect = async (user: NatsUser) => stack.use(await server.connect(user))
  const [refresher, distributor, operator] = [
    await connect('refresher'),
    await connect('distributor'),
    await connect('operator'),
  ]
  await standForRefresher(refresher)
  stack.use(await startDaemon('distributor', site, server.url))
  const sealing = await readSealing({ previousSeedFiles: [] }, state)
  const failures: TokenFailed[] = []
  let onPushed: (event: TokenPushed) => void = () => undefined
  await listen<TokenPushed>(operator, 'token.pushed.*.*', (event) => onPushed(event))
  await listen<TokenFailed>(operator, 'token.failed.*.*', (event) => failures.push(event))
  let lastRun: string | undefined
  const running = stack.move()
  return {
    failures,
    async push(pairs, awaited = pairs) {
      const run = nextRunId(lastRun, Date.now())
      lastRun = run
      const missing = new Set(awaited.map(({ entry, node }) => `${entryName(entry)} ${node}`))
      const done = Promise.withResolvers<void>()
      onPushed = (event) => {
        if (event.run === run) missing.delete(`${event.entry} ${event.node}`)
        if (missing.size === 0) done.resolve()
      }
      const late = setTimeout(() => done.reject(new Error(tellMissing(missing, failures))), patienceMs)
      try {
        await publishAll(distributor, await pushItems(refresher, run, pairs, sealing))
        await done.promise
      } finally {
        clearTimeout(late)
      }
    },
    async attempts(pairs) {
      const targets = await refresher.bucket(buckets.targets)
      const records = pairs.map(async ({ entry, node }) => await targets.get(pushSubject(entry, node)))
      return (await Promise.all(records)).map((found) => found?.json<TargetRecord>().attempts ?? 0)
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function listen<T>({ nc }: Bus, subject: string, hear: (event: T) => void): Promise<void> {
  nc.subscribe(subject, { callback: (_error, message) => hear(message.json<T>()) })
  await nc.flush()
}

function tellMissing({ size }: ReadonlySet<string>, failures: readonly TokenFailed[]): string {
  const first = failures[0] ? `the first failure: ${failures[0].message}` : 'no failure was reported'
  return `${size} pushes were not done within ${patienceMs / 1_000} s; ${first}`
}
