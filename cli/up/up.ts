/** `managed-tokens up`: everything on one machine in the foreground, until a signal. */
import { loadSite } from '../../shared/config/load.ts'
import { ConfigError } from '../../shared/config/read/problem.ts'
import { defaultStateRoot, operatorEnvFile } from '../../shared/daemon/state.ts'
import type { ChildEvent } from './child.ts'
import { ensureStateRoot } from './state-root.ts'
import { type Supervisor, type SupervisorOptions, startSupervisor } from './supervise.ts'

export interface UpOptions
  extends Pick<SupervisorOptions, 'configFile' | 'stateRoot' | 'natsPort' | 'loki' | 'mainOf'> {
  readonly allowRoot: boolean
  /** Where lines for people go. Default: standard error, as standard output is the daemons'. */
  readonly print?: ((line: string) => void) | undefined
}

/** Runs until SIGINT or SIGTERM; a second one ends it at once. Returns the exit code: 0, 1 (failed) or 2 (wrong use). Throws UsageError where the state directory cannot be made. */
export async function runUp(options: UpOptions): Promise<number> {
  const print = options.print ?? ((line) => void process.stderr.write(`${line}\n`))
  if (process.getuid?.() === 0 && !options.allowRoot) {
    print("managed-tokens does not run as root: start it as the service's own user, or add --allow-root.")
    return 2
  }
  const natsServers = readServers(options.configFile, print)
  if (natsServers === 'refused') return 2
  await ensureStateRoot(options.stateRoot)
  const stopped = untilSignal()
  let supervisor: Supervisor
  try {
    supervisor = await startSupervisor({
      ...options,
      natsServers,
      onEvent: (event) => {
        const line = describeEvent(event)
        if (line && !stopped.aborted) print(line)
      },
    })
  } catch (error) {
    print(`managed-tokens: ${(error as Error).message}`)
    return 1
  }
  await using running = supervisor
  try {
    await Promise.race([running.ready(), untilAborted(stopped)])
  } catch (error) {
    print(`managed-tokens: ${(error as Error).message}`)
    return 2
  }
  if (!stopped.aborted) greet(options.stateRoot, running.url, natsServers === undefined, print)
  await untilAborted(stopped)
  print('managed-tokens: stopping')
  return 0
}

function readServers(
  configFile: string,
  print: (line: string) => void,
): readonly string[] | undefined | 'refused' {
  try {
    return loadSite(configFile).site.nats.servers
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    print(error.message)
    return 'refused'
  }
}

function greet(stateRoot: string, url: string, isOurs: boolean, print: (line: string) => void): void {
  print(`managed-tokens: all four daemons are ready. NATS is at ${url}; state is in ${stateRoot}`)
  const state = isOurs && stateRoot !== defaultStateRoot ? ` --state ${stateRoot}` : ''
  print('In another terminal:')
  print(`  npx managed-tokens run --watch${state}     refresh everything now and look on`)
  print(`  npx managed-tokens status${state}          the latest run, target by target`)
  if (isOurs) print(`  . ${operatorEnvFile(stateRoot)} && nats sub 'token.>'`)
  else print("  nats sub 'token.>'")
  print('Ctrl-C stops everything.')
}

function describeEvent(event: ChildEvent): string | undefined {
  if (event.type === 'died') {
    const again = event.restartMs === 0 ? 'at once' : `in ${event.restartMs} ms`
    return `managed-tokens: ${event.name} (process ${event.pid}) ${event.how}; started again ${again}`
  }
  if (event.type === 'no-room')
    return `managed-tokens: ${event.name} has no room in ${event.where} and keeps nothing: make room there, then it works again by itself`
  if (event.type === 'gave-up') return `managed-tokens: ${event.name} is not started again. ${event.why}`
  return undefined
}

/** Aborted by the first SIGINT or SIGTERM. The second ends us; the kernel then tells the children. */
function untilSignal(): AbortSignal {
  const stop = new AbortController()
  const onSignal = () => (stop.signal.aborted ? process.exit(1) : stop.abort())
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return stop.signal
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
