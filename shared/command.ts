/**
 * Runs one external command and says how it ended: the only place that does. Exact argv without a shell, exact environment,
 * closed stdin, a process group that is killed as a whole at the deadline, bounded output, and one span. Output reaches
 * the caller alone: it is never logged, traced or put into an error here.
 */
import { SpanStatusCode, trace } from '@opentelemetry/api'
import type { ProcessHelper } from './process/helper.ts'
import { type StartedProcess, startProcess } from './process/start-process.ts'
import { stopGroup } from './process/stop-group.ts'
import { spawnTurn } from './spawn-turn.ts'
import { commandSeconds } from './telemetry/metrics.ts'

export interface Command {
  /** Program name or path. */
  readonly file: string
  readonly args: readonly string[]
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs: number
  /** Stops the command early: the daemon is shutting down. */
  readonly signal?: AbortSignal
  /** Text for stdin, which is closed after it; without it stdin is empty. The way for secrets to go in. */
  readonly input?: string
  readonly cwd?: string
  /** The program's name in spans and metrics, where `file` is a wrapper such as flock. */
  readonly name?: string
  /** Facts for the span, such as the service or the node. Never secrets. */
  readonly attributes?: Readonly<Record<string, string>>
}

interface Output {
  /** At most the first 64 K characters. */
  readonly stdout: string
  readonly stderr: string
}

export type CommandOutcome =
  | ({ readonly kind: 'exited'; readonly exitCode: number } & Output)
  /** Killed at its deadline, with its whole process group. */
  | ({ readonly kind: 'timeout' } & Output)
  /** Killed because the daemon stops, or by somebody else's signal. */
  | ({ readonly kind: 'killed'; readonly signal: string } & Output)
  /** The program cannot be started. */
  | ({ readonly kind: 'missing'; readonly reason: string } & Output)

/** Runs the command to its end. Does not throw for anything the command does. */
export async function runCommand(command: Command): Promise<CommandOutcome> {
  return observe(command, async () => {
    await spawnTurn()
    if (command.signal?.aborted) return neverStarted
    return await untilEnded(start(command), command)
  })
}

function start(command: Command): StartedProcess {
  if (command.input === undefined) return helper?.start(command) ?? startProcess(command)
  const started = startProcess(command, 'open')
  started.stdin?.end(command.input)
  return started
}

let helper: ProcessHelper | undefined

/** From now on this process, which runs many commands, has a helper start them. Disposing ends that. */
export function runCommandsThrough(starter: ProcessHelper): AsyncDisposable {
  helper = starter
  return {
    async [Symbol.asyncDispose]() {
      helper = undefined
      await starter[Symbol.asyncDispose]()
    },
  }
}

/** A command whose process is there already and waits: what it costs to make one is paid beforehand. */
export interface PreparedCommand extends AsyncDisposable {
  /**
   * Lets it go on, and returns when it has ended. Time, span and deadline count from here. Once only. `onClosing` is called
   * when nobody can write its output any more, which mostly is a moment before the end is known.
   */
  run(onClosing?: () => void): Promise<CommandOutcome>
}

/**
 * Starts a process that becomes the command when `run` is called, and ends by itself when we die before that. It has the
 * command's environment and group from the beginning. Disposing ends it. The command's stdin is empty.
 */
export function prepareCommand(command: Omit<Command, 'input'>): PreparedCommand {
  const { file, args, ...rest } = command
  const name = command.name ?? file.split('/').at(-1) ?? file
  const wait = 'read -r go && exec "$@" </dev/null'
  const waiting = { ...rest, file: '/bin/sh', args: ['-c', wait, 'sh', file, ...args] }
  const started = startProcess(waiting, 'open')
  return {
    run: (onClosing = () => undefined) =>
      observe({ ...command, name }, async () => {
        if (command.signal?.aborted) return neverStarted
        started.stdout?.once('end', onClosing)
        started.stdin?.end('go\n')
        return await untilEnded(started, command)
      }),
    async [Symbol.asyncDispose]() {
      started.stdin?.end()
      await started.ended
    },
  }
}

const neverStarted: CommandOutcome = { kind: 'killed', signal: 'SIGTERM', stdout: '', stderr: '' }

/** One span and one duration for each command. */
function observe(command: Command, run: () => Promise<CommandOutcome>): Promise<CommandOutcome> {
  const name = command.name ?? command.file.split('/').at(-1) ?? command.file
  const started = performance.now()
  return trace.getTracer('managed-tokens').startActiveSpan(`exec ${name}`, async (span) => {
    span.setAttributes({ 'process.executable.name': name, ...command.attributes })
    const outcome = await run()
    commandSeconds.observe(
      { program: name, outcome: outcomeLabel(outcome) },
      (performance.now() - started) / 1_000,
    )
    span.setAttribute('managed_tokens.outcome', outcome.kind)
    if (outcome.kind === 'exited') span.setAttribute('process.exit.code', outcome.exitCode)
    if (outcomeLabel(outcome) !== 'ok') {
      span.setStatus({ code: SpanStatusCode.ERROR })
      span.setAttribute('error.type', outcomeLabel(outcome))
    }
    span.end()
    return outcome
  })
}

const outcomeLabel = (outcome: CommandOutcome) =>
  outcome.kind === 'exited' ? (outcome.exitCode === 0 ? 'ok' : 'exit') : outcome.kind

async function untilEnded(
  started: StartedProcess,
  { timeoutMs, signal }: Pick<Command, 'timeoutMs' | 'signal'>,
): Promise<CommandOutcome> {
  let timedOut = false
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= stopGroup(started)
  }
  const deadline = setTimeout(() => {
    timedOut = true
    stop()
  }, timeoutMs)
  signal?.addEventListener('abort', stop, { once: true })
  const { exitCode, signal: killedBy, error, stdout, stderr } = await started.ended
  clearTimeout(deadline)
  signal?.removeEventListener('abort', stop)
  await stopped
  const output = { stdout, stderr }
  if (timedOut) return { kind: 'timeout', ...output }
  if (error !== undefined)
    return { kind: 'missing', reason: error === 'ENOENT' ? 'not found' : error, ...output }
  if (exitCode === undefined) return { kind: 'killed', signal: killedBy ?? 'unknown', ...output }
  return { kind: 'exited', exitCode, ...output }
}
