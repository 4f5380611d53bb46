/**
 * Runs one external command and says how it ended: the only place that does. Exact argv without a shell, exact environment,
 * closed stdin, a process group that is killed as a whole at the deadline, bounded output that can be opened by name, and one
 * span. Output reaches the caller alone: it is never logged, traced or put into an error here.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { SpanStatusCode, trace } from '@opentelemetry/api'
import { execa, type Result } from 'execa'
import { commandSeconds } from '../telemetry/metrics/metrics.ts'
import { endGroup } from './end-group.ts'
import { type OutputPipe, openOutputPipe } from './output-pipe.ts'
import { keepText } from './output-text.ts'

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
  /** At most 64 K characters: of more, the beginning and the end. */
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
    if (command.signal?.aborted) return neverStarted
    const pipes = await openOutputPipes().catch(noPipe)
    return 'kind' in pipes ? pipes : await untilEnded(start(command, pipes), pipes, command)
  })
}

type Pipes = readonly [stdout: OutputPipe, stderr: OutputPipe]

async function openOutputPipes(): Promise<Pipes> {
  const stdout = await openOutputPipe()
  try {
    return [stdout, await openOutputPipe()]
  } catch (error) {
    stdout.closeChildEnd()
    stdout.output.destroy()
    throw error
  }
}

function start({ file, args, env, cwd, input }: Command, pipes: Pipes) {
  const [stdout, stderr] = pipes
  const started = execa(file, args, {
    ...{ env, extendEnv: false, reject: false, buffer: false },
    // Its types know of descriptors up to 9.
    ...{ stdout: stdout.childEnd as 3, stderr: stderr.childEnd as 3 },
    ...(input === undefined ? { stdin: 'ignore' } : { input }),
    ...(cwd === undefined ? {} : { cwd }),
    // A group of its own, that endGroup ends. It must be able to outlive us: an orphan holds the lock of what it does.
    ...{ killDescendants: true, cleanup: false },
  } as const)
  for (const pipe of pipes) pipe.closeChildEnd()
  return started
}

const neverStarted: CommandOutcome = { kind: 'killed', signal: 'SIGTERM', stdout: '', stderr: '' }

const cannotStart = (reason: string) => ({
  ...({ kind: 'missing', reason } as const),
  ...{ stdout: '', stderr: '' },
})

const noPipe = ({ code = 'unknown' }: NodeJS.ErrnoException) => cannotStart(`no pipe for its output: ${code}`)

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

/** Until the process has ended and nobody can write its output any more, or until its deadline or the daemon's end. */
async function untilEnded(
  started: ReturnType<typeof start>,
  pipes: Pipes,
  { timeoutMs, signal }: Pick<Command, 'timeoutMs' | 'signal'>,
): Promise<CommandOutcome> {
  const [stdout, stderr] = pipes.map(({ output }) => keepText(output)) as [() => string, () => string]
  const ended = Promise.all([started, ...pipes.map(untilClosed)]).then(([result]) => result)
  using early = watchForEarlyEnd(timeoutMs, signal)
  const result = await Promise.race([ended, early.called])
  const isEarly = result === 'timeout' || result === 'killed'
  if (isEarly) await endEarly(started, pipes, ended)
  const output = { stdout: stdout(), stderr: stderr() }
  if (!isEarly) return { ...describe(result), ...output }
  return result === 'timeout' ? { kind: result, ...output } : { kind: result, signal: 'SIGTERM', ...output }
}

/** An event loop that stood still past a deadline first hears what has ended by itself meanwhile (milliseconds). */
const hearingMs = 100

/** `called` is fulfilled when the command has to end before it does by itself. */
function watchForEarlyEnd(timeoutMs: number, signal: AbortSignal | undefined) {
  const { promise, resolve } = Promise.withResolvers<'timeout' | 'killed'>()
  let deadline = setTimeout(() => {
    deadline = setTimeout(resolve, hearingMs, 'timeout')
  }, timeoutMs)
  const abort = () => resolve('killed')
  // It may have come while the pipes were made.
  if (signal?.aborted) abort()
  signal?.addEventListener('abort', abort, { once: true })
  return {
    called: promise,
    [Symbol.dispose]() {
      clearTimeout(deadline)
      signal?.removeEventListener('abort', abort)
    },
  }
}

/** What the group has said last is still read; a process outside the group that holds the output open is let go of. */
async function endEarly(
  { pid }: { readonly pid?: number | undefined },
  pipes: Pipes,
  ended: Promise<unknown>,
): Promise<void> {
  if (pid !== undefined) await endGroup(pid)
  await Promise.race([ended, sleep(lastWordsMs, undefined, { ref: false })])
  for (const { output } of pipes) output.destroy()
}

/** How long the output may stay open when the group is gone (milliseconds). */
const lastWordsMs = 200

function untilClosed({ output }: OutputPipe): Promise<void> {
  return new Promise((resolve) => output.once('close', () => resolve()))
}

type End = Partial<Pick<Result, 'exitCode' | 'signal' | 'code'>>

function describe({ exitCode, signal, code }: { [Fact in keyof End]: End[Fact] | undefined }) {
  if (exitCode !== undefined) return { kind: 'exited', exitCode } as const
  if (signal !== undefined) return { kind: 'killed', signal } as const
  return cannotStart(code === 'ENOENT' ? 'not found' : (code ?? 'unknown'))
}
