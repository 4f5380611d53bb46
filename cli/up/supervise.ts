/** The four daemons and, where none is configured, a private nats-server: started together, kept running, stopped together. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { inheritedEnvironment } from '../../shared/config/environment.ts'
import { type Daemon, daemons } from '../../shared/contracts/subjects.ts'
import { seedFile } from '../../shared/daemon/state.ts'
import { type ChildEvent, type ChildPlan, keepRunning } from './child.ts'
import { ensureSealingKeys } from './credentials.ts'
import { mendServer } from './mend-server.ts'
import { startNatsServer } from './nats-server.ts'
import { smallProcess } from './small-process.ts'

export interface SupervisorOptions {
  readonly configFile: string
  readonly stateRoot: string
  /** `nats.servers` of the configuration. With it no server is started, and the seeds are the site's. */
  readonly natsServers?: readonly string[] | undefined
  /** Port of the private server. Default: 4222 when it is free, else any free one. 0: any free one. */
  readonly natsPort?: number | undefined
  /** Directory for what each process writes, as `<name>.log`. Default: our own output (nats-server: the state directory). */
  readonly logDir?: string | undefined
  readonly allowRoot?: boolean | undefined
  /** False: no log lines go to Loki, whatever the configuration says. */
  readonly loki?: boolean | undefined
  /** The daemons' environment. Default: ours. */
  readonly env?: NodeJS.ProcessEnv | undefined
  readonly onEvent?: ((event: ChildEvent) => void) | undefined
  /** A daemon's program. Default: `services/<daemon>/main.ts`. */
  readonly mainOf?: ((daemon: Daemon) => string) | undefined
}

export interface Supervisor extends AsyncDisposable {
  /** Where NATS is; several servers are separated by commas. */
  readonly url: string
  /** The nkey seed that lets a person in. */
  readonly operatorSeedFile: string
  /** Ends when all are ready. Rejects when one never will be, or when they are stopped first. */
  ready(): Promise<void>
  /** Process ids by name; undefined for one that is just being started again. */
  pids(): Readonly<Record<string, number | undefined>>
  /** Signals one process alone, as a fault would; it is started again when it dies of it. False when it is not running. */
  kill(name: Daemon | 'nats-server', signal: NodeJS.Signals): boolean
  /** Stops the daemons, then the server. Safe to call twice. */
  stop(): Promise<void>
}

/** Exit code of a daemon that refuses its options or its configuration. */
const wrongUse = 2
/** Longer than a daemon takes to hand back its work, short enough for all to be gone within 10 s. */
const daemonStopGraceMs = 9_000

/** Starts everything; the server accepts when this returns, the daemons may not be ready yet. Throws a sentence for people. */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const onEvent = options.onEvent ?? (() => {})
  if (options.logDir) await mkdir(options.logDir, { recursive: true })
  const server = options.natsServers
    ? undefined
    : await startNatsServer({
        stateRoot: options.stateRoot,
        port: options.natsPort,
        logFile: options.logDir && join(options.logDir, 'nats-server.log'),
        env: options.env,
        onEvent,
      })
  try {
    await ensureSealingKeys(options.stateRoot)
  } catch (error) {
    await server?.stop()
    throw error
  }
  const kept = daemons.map((daemon) => keepRunning(planOf(daemon, options, server?.url), onEvent))
  const all = server ? [server, ...kept] : kept
  const mending = server && mendServer({ server, stateRoot: options.stateRoot, onEvent })

  async function stop(): Promise<void> {
    await Promise.all(kept.map((child) => child.stop()))
    await mending?.[Symbol.asyncDispose]()
    await server?.stop()
  }

  return {
    url: server?.url ?? (options.natsServers ?? []).join(','),
    operatorSeedFile: seedFile(options.stateRoot, 'operator'),
    ready: async () => void (await Promise.all(all.map((child) => child.ready()))),
    pids: () => Object.fromEntries(all.map((child) => [child.name, child.pid()])),
    kill: (name, signal) => all.find((child) => child.name === name)?.kill(signal) ?? false,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function planOf(daemon: Daemon, options: SupervisorOptions, url: string | undefined): ChildPlan {
  const main = options.mainOf?.(daemon) ?? join(import.meta.dirname, '../../services', daemon, 'main.ts')
  return {
    name: daemon,
    command: process.execPath,
    args: [
      main,
      ...['--config', options.configFile, '--state', options.stateRoot],
      ...(url ? ['--nats', url] : []),
      ...(options.allowRoot ? ['--allow-root'] : []),
      ...(options.loki === false ? ['--no-loki'] : []),
    ],
    env: environmentOf(options),
    logFile: options.logDir && join(options.logDir, `${daemon}.log`),
    ready: 'message',
    // A daemon has work to hand back and children to end: it gets the signal that it expects.
    deathSignal: 'TERM',
    hopeless: { [wrongUse]: `The ${daemon} refused its options or its configuration; its log says why.` },
    stopGraceMs: daemonStopGraceMs,
  }
}

/** What is set already counts more. */
function environmentOf(options: SupervisorOptions): NodeJS.ProcessEnv {
  const given = options.env ?? inheritedEnvironment()
  const small = smallProcess(options.stateRoot, given.NODE_OPTIONS)
  return { ...small, ...given, NODE_OPTIONS: small.NODE_OPTIONS }
}
