/** What the four daemons have in common from start to stop: options, configuration, log, traces, the bus, and the way out. */
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Logger } from 'pino'
import { type Bus, connectBus, onStatus } from '../bus/connect.ts'
import { describeDifference } from '../bus/streams/compare-stream.ts'
import { watchOwned } from '../bus/streams/restore-owned.ts'
import { ensureOwned, type Outdated } from '../bus/streams/topology.ts'
import { tellUnreadable } from '../bus/tell-unreadable.ts'
import { environment } from '../config/environment.ts'
import { findConfigFile, preferredByPredecessor, twoFiles } from '../config/read/find.ts'
import { ConfigError, formatProblem, type Problem } from '../config/read/problem.ts'
import { openSiteSource, type SiteSource } from '../config/read/source.ts'
import type { Site } from '../config/site.ts'
import { controlsShownBut } from '../contracts/one-sentence.ts'
import type { Daemon } from '../contracts/subjects.ts'
import { onTrustProblem } from '../https/trust.ts'
import { markStarted, watchConnection } from '../telemetry/health.ts'
import { openTelemetry } from '../telemetry/telemetry.ts'
import { followConfig, reloadSite } from './follow-config.ts'
import { startAtZero } from './start-at-zero.ts'
import { ensureDaemonState, natsFiles, seedFile, stateRootOf } from './state.ts'

/** What a daemon's `main` gets, once what it owns on the bus is made. Everything it opens goes on `stack`, which is closed in reverse order on stop. */
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
}

const help = (daemon: Daemon) => `managed-tokens ${daemon}

  --config FILE   the configuration (default: managedTokens.yml in /etc/managed-tokens, ~/.managed-tokens, .)
  --state DIR     private state of all daemons (default: $MANAGED_TOKENS_STATE or /var/lib/managed-tokens)
  --nats URL      the NATS server (default: nats.servers of the configuration)
  --allow-root    run as root, which is otherwise refused
  --no-loki       send no log lines to Loki, whatever the configuration says

Exit codes: 0 stopped, 1 something failed, 2 wrong use or a wrong configuration.
`

/** How long a daemon that has not become ready may take to close what it opened (milliseconds). */
const earlyStopMs = 2_000

/** A bus that is away while we stop is waited for by each in turn, but no longer than this in all (milliseconds). */
const hangUpMs = 6_000

/** Runs a daemon until SIGTERM, SIGINT, or the end of the supervisor that started it. */
export async function runDaemon(
  daemon: Daemon,
  start: (context: DaemonContext) => Promise<void>,
): Promise<void> {
  await runUntilStopped(daemon, start)
  // What still tries a far end that never answers must not keep us.
  setTimeout(() => process.exit(), 100).unref()
}

async function runUntilStopped(
  daemon: Daemon,
  start: (context: DaemonContext) => Promise<void>,
): Promise<void> {
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
  const other = preferredByPredecessor(config.current().file)
  if (other !== undefined) log.warn(twoFiles(config.current().file, other))
  onTrustProblem(({ file, why }) => log.warn({ file }, `not trusted: ${file} ${why}`))
  try {
    await using stack = new AsyncDisposableStack()
    stack.use(tellUnreadable(log))
    const stateDirectory = await ensureDaemonState(stateRoot, daemon)
    const connected = connect(daemon, config.current(), stateRoot, servers, log)
    const bus = await Promise.race([connected, stopped])
    if (!bus) {
      log.info('stopped before NATS was there')
      process.exit(0)
    }
    stack.use(bus)
    stack.use(logConnection(bus, log))
    stack.use(followConfig(config, { bus, log }))
    const begin = async () => {
      tellOutdated(await ensureOwned(bus, daemon), log)
      stack.use(watchOwned(daemon, { bus, log }))
      await start({
        ...{ bus, log, stateRoot, stateDirectory, stack },
        site: () => config.current(),
        freshSite: () => reloadSite(config, log),
        configProblems: () => config.problems(),
      })
    }
    if (await isStoppedBefore(begin(), stopped)) {
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

function readOptions(daemon: Daemon) {
  try {
    const { values } = parseArgs({
      options: {
        config: { type: 'string', short: 'c' },
        state: { type: 'string' },
        nats: { type: 'string' },
        'allow-root': { type: 'boolean', default: false },
        'no-loki': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) {
      process.stdout.write(help(daemon))
      process.exit(0)
    }
    if (process.getuid?.() === 0 && !values['allow-root'])
      refuse(`the ${daemon} does not run as root: start it as the service's own user, or add --allow-root.`)
    return values
  } catch (error) {
    return refuse(`${(error as Error).message}\n\n${help(daemon)}`)
  }
}

function openConfig(daemon: Daemon, file: string | undefined): SiteSource {
  try {
    return openSiteSource(findConfigFile(file))
  } catch (error) {
    if (error instanceof ConfigError) return refuse(error.problems.map(formatProblem).join('\n'))
    return refuse(`${daemon}: ${(error as Error).message}`)
  }
}

function refuse(message: string): never {
  process.stderr.write(`${controlsShownBut(/\n/)(message)}\n`)
  process.exit(2)
}

async function connect(
  daemon: Daemon,
  site: Site,
  stateRoot: string,
  servers: readonly string[],
  log: Logger,
): Promise<Bus> {
  log.info({ servers }, 'connecting to NATS')
  const seed = site.nats.seedFile?.replaceAll('{{.Daemon}}', daemon) ?? seedFile(stateRoot, daemon)
  return connectBus({ servers, user: daemon, seedFile: seed, caFile: site.nats.caFile })
}

/** Given, configured, or the private server of `managed-tokens up`. */
function findServers(
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

/** A daemon changes nothing that is there: whoever had its key could. */
function tellOutdated(outdated: readonly Outdated[], log: Logger): void {
  for (const { kind, name, differences } of outdated)
    log.warn(
      { outdated: name, differences: differences.map(describeDifference) },
      `${kind} ${name} is not as this version wants it: run "managed-tokens bus upgrade"`,
    )
}

function logConnection({ nc }: Bus, log: Logger): Disposable {
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
