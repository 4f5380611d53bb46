/** What the four daemons have in common from start to stop: options, configuration, log, traces, the bus, and the way out. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Bus } from '../bus/connect.ts'
import { patiently } from '../bus/patiently.ts'
import { type Endpoint, serveRequests } from '../bus/requests/serve-requests.ts'
import { describeDifference } from '../bus/streams/compare-stream.ts'
import { watchOwned } from '../bus/streams/restore-owned.ts'
import { awaitTopology, ensureOwned, type Needs, type Outdated } from '../bus/streams/topology.ts'
import { tellUnreadable } from '../bus/tell-unreadable.ts'
import { environment } from '../config/environment.ts'
import { findConfigFile, preferredByPredecessor, twoFiles } from '../config/read/find.ts'
import { ConfigError, formatProblem, type Problem } from '../config/read/problem.ts'
import { openSiteSource, type SiteSource } from '../config/read/source.ts'
import type { Site } from '../config/site.ts'
import type { Daemon } from '../contracts/subjects.ts'
import { onTrustProblem } from '../https/trust.ts'
import { markStarted } from '../telemetry/health.ts'
import { openTelemetry } from '../telemetry/telemetry.ts'
import type { Consuming } from '../work/consume/consume.ts'
import { removeUnfinished } from './atomic-file.ts'
import { connectDaemon, findServers, logConnection } from './connection.ts'
import { followConfig, reloadSite } from './follow-config.ts'
import { leaveSilentServer } from './leave-silent-server.ts'
import { readOptions, refuse } from './options.ts'
import { startAtZero } from './start-at-zero.ts'
import { ensureDaemonState, stateRootOf } from './state.ts'

/** A daemon: what it waits for on the bus, and how it opens what it is made of. */
export interface DaemonPlan {
  /** Made by other daemons. */
  readonly needs: Needs
  readonly open: (context: DaemonContext) => Promise<DaemonParts>
}

/** Begun in this order, and ended in the reverse one, before what `open` has put on the stack. */
export interface DaemonParts {
  readonly consumers: readonly Consuming[]
  /** Requests that it answers. */
  readonly endpoints?: readonly Endpoint[]
  /** What it does without being asked: schedules, clocks, watches. */
  readonly loops?: readonly (() => Disposable | AsyncDisposable)[]
}

/** What a daemon is opened with, once everything on the bus is there. What has to be closed goes on `stack`, which is closed in reverse order on stop. */
export interface DaemonContext {
  readonly bus: Bus
  readonly log: Logger
  /** The configuration in force now. */
  readonly site: () => Site
  /** The same after reading the file again: what a run starts with. A broken file is logged and the last good one stays. */
  readonly freshSite: () => Site
  /** What is wrong with the file where the last good one stays; empty while it is good. */
  readonly configProblems: () => readonly Problem[]
  readonly stateRoot: string
  /** `<state root>/<daemon>`, mode 0700. */
  readonly stateDirectory: string
  readonly stack: AsyncDisposableStack
  /** Aborted first of all when the daemon stops. */
  readonly stopping: AbortSignal
}

/** How long a daemon that has not become ready may take to close what it opened (milliseconds). */
const earlyStopMs = 2_000

/** A bus that is away while we stop is waited for by each in turn, but no longer than this in all (milliseconds). */
const hangUpMs = 6_000

/** Runs a daemon until SIGTERM, SIGINT, or the end of the supervisor that started it. */
export async function runDaemon(daemon: Daemon, plan: DaemonPlan): Promise<void> {
  await runUntilStopped(daemon, plan)
  // What still tries a far end that never answers must not keep us.
  setTimeout(() => process.exit(), 100).unref()
}

async function runUntilStopped(daemon: Daemon, plan: DaemonPlan): Promise<void> {
  const options = readOptions(daemon)
  const stopped = untilStopped()
  const config = openConfig(daemon, options.config)
  const stateRoot = stateRootOf(options.state, environment)
  const servers = findServers(daemon, config.current(), stateRoot, options.nats)
  startAtZero(daemon)
  await using telemetry = await openTelemetry({
    daemon,
    site: () => config.current(),
    pretty: process.stdout.isTTY,
    useLoki: !options['no-loki'],
  }).catch((error: Error) => refuse(`${daemon}: ${error.message}`))
  const { log } = telemetry
  warnOfFiles(config, log)
  try {
    await using stack = new AsyncDisposableStack()
    stack.use(tellUnreadable(log))
    const stateDirectory = await ensureDaemonState(stateRoot, daemon)
    await removeUnfinished(stateDirectory)
    const bus = await Promise.race([
      connectDaemon(daemon, config.current(), stateRoot, servers, log),
      stopped,
    ])
    if (!bus) {
      log.info('stopped before NATS was there')
      process.exit(0)
    }
    stack.use(bus)
    stack.use(leaveSilentServer(bus, servers, log))
    stack.use(logConnection(bus, log))
    stack.use(followConfig(config, { bus, log }))
    const begun = begin(daemon, plan, config, { bus, log, stateRoot, stateDirectory, stack })
    if (await isStoppedBefore(begun, stopped)) {
      log.info('stopped before everything it needs was there')
      await Promise.race([stack.disposeAsync().catch(() => undefined), sleep(earlyStopMs)])
      process.exit(0)
    }
    markStarted()
    log.info('ready')
    process.send?.('ready')
    await stopped
    log.info('stopping')
    setTimeout(() => void bus.nc.close(), hangUpMs).unref()
  } catch (error) {
    log.fatal({ err: error }, `the ${daemon} cannot go on`)
    process.exitCode = 1
  }
  process.disconnect?.()
}

/** Makes what the daemon owns on the bus, waits for the rest, and begins everything that the daemon does. */
async function begin(
  daemon: Daemon,
  { needs, open }: DaemonPlan,
  config: SiteSource,
  given: Pick<DaemonContext, 'bus' | 'log' | 'stateRoot' | 'stateDirectory' | 'stack'>,
): Promise<void> {
  const { bus, log, stack } = given
  const stopping = new AbortController()
  const patience = { patienceMs: Number.POSITIVE_INFINITY, log }
  tellOutdated(await patiently(() => ensureOwned(bus, daemon), patience), log)
  stack.use(watchOwned(daemon, { bus, log }))
  await awaitTopology(bus, needs, ({ kind, name, plan: { owner } }) =>
    log.warn(
      { server: bus.nc.getServer(), missing: name },
      `the ${kind} ${name} is not there: does the ${owner}, which makes it, run on this same bus? Waiting for it`,
    ),
  )
  const { consumers, endpoints, loops } = await open({
    ...given,
    site: () => config.current(),
    freshSite: () => reloadSite(config, log),
    configProblems: () => config.problems(),
    stopping: stopping.signal,
  })
  for (const start of consumers) stack.use(await start({ bus, log }))
  stack.use(await serveRequests(bus, daemon, endpoints ?? [], log))
  for (const start of loops ?? []) stack.use(start())
  stack.defer(() => stopping.abort(new Error('stopping')))
}

function openConfig(daemon: Daemon, file: string | undefined): SiteSource {
  try {
    return openSiteSource(findConfigFile(file))
  } catch (error) {
    if (error instanceof ConfigError) return refuse(error.problems.map(formatProblem).join('\n'))
    return refuse(`${daemon}: ${(error as Error).message}`)
  }
}

/** Of files that lie where others are taken, or cannot be read: no reason not to start. */
function warnOfFiles(config: SiteSource, log: Logger): void {
  const { file } = config.current()
  const other = preferredByPredecessor(file)
  if (other !== undefined) log.warn(twoFiles(file, other))
  onTrustProblem(({ file, why }) => log.warn({ file }, `not trusted: ${file} ${why}`))
}

/** A daemon changes nothing that is there: whoever had its key could. */
function tellOutdated(outdated: readonly Outdated[], log: Logger): void {
  for (const { kind, name, differences } of outdated)
    log.warn(
      { outdated: name, differences: differences.map(describeDifference) },
      `${kind} ${name} is not as this version wants it: run "managed-tokens bus upgrade"`,
    )
}

/** A daemon may wait long for what others make. It holds no work yet, so it can go once its tickets are removed. */
async function isStoppedBefore(started: Promise<void>, stopped: Promise<void>): Promise<boolean> {
  return Promise.race([started.then(() => false), stopped.then(() => true)])
}

/** Resolves when somebody wants the daemon to stop. */
function untilStopped(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  process.once('SIGTERM', () => resolve())
  process.once('SIGINT', () => resolve())
  process.once('disconnect', () => resolve())
  return promise
}
