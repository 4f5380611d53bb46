/**
 * Runs one external command and says how it ended: the only use of execa. Exact argv without a shell, exact environment,
 * closed stdin, a process group that is killed as a whole at the deadline, bounded output, and one span. Output reaches
 * the caller alone: it is never logged, traced or put into an error here.
 */
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { SpanStatusCode, trace } from '@opentelemetry/api'
import { execa } from 'execa'
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
  /** At most the first {@link keptOutput} characters. */
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

/** What is kept of each output stream (characters); the rest is read and dropped. */
const keptOutput = 64 * 1024
/** Between SIGTERM and SIGKILL (milliseconds). */
const killGraceMs = 1_000
/** How often a group that was told to end is looked at (milliseconds): its members are not all children of ours. */
const pollMs = 20

/** Runs the command to its end. Does not throw for anything the command does. */
export async function runCommand(command: Command): Promise<CommandOutcome> {
  return observe(command, async () => {
    await spawnTurn()
    if (command.signal?.aborted) return neverStarted
    return await untilEnded(spawn(command, 'ignore'), command)
  })
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
  const spawned = spawn({ ...rest, file: '/bin/sh', args: ['-c', wait, 'sh', file, ...args] }, 'pipe')
  const { stdin } = spawned.child
  // It may be gone before it is told to go on.
  stdin?.on('error', () => undefined)
  return {
    run: (onClosing = () => undefined) =>
      observe({ ...command, name }, async () => {
        if (command.signal?.aborted) return neverStarted
        spawned.child.stdout.once('end', onClosing)
        stdin?.end('go\n')
        return await untilEnded(spawned, command)
      }),
    async [Symbol.asyncDispose]() {
      stdin?.end()
      await spawned.child
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
    if (outcome.kind !== 'exited' || outcome.exitCode !== 0) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end()
    return outcome
  })
}

const outcomeLabel = (outcome: CommandOutcome) =>
  outcome.kind === 'exited' ? (outcome.exitCode === 0 ? 'ok' : 'exit') : outcome.kind

type Spawned = ReturnType<typeof spawn>

function spawn(command: Omit<Command, 'timeoutMs'>, stdin: 'ignore' | 'pipe') {
  const child = execa(command.file, [...command.args], {
    env: { ...command.env },
    extendEnv: false,
    detached: true,
    buffer: false,
    reject: false,
    ...(command.input === undefined ? { stdin } : { input: command.input }),
    ...(command.cwd ? { cwd: command.cwd } : {}),
  })
  return { child, stdout: keepStart(child.stdout), stderr: keepStart(child.stderr) }
}

async function untilEnded(
  { child, stdout, stderr }: Spawned,
  { timeoutMs, signal }: Pick<Command, 'timeoutMs' | 'signal'>,
): Promise<CommandOutcome> {
  let timedOut = false
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= stopGroup(child.pid, [child.stdout, child.stderr])
  }
  const deadline = setTimeout(() => {
    timedOut = true
    stop()
  }, timeoutMs)
  signal?.addEventListener('abort', stop, { once: true })
  const result = await child
  clearTimeout(deadline)
  signal?.removeEventListener('abort', stop)
  await stopped
  const output = { stdout: stdout(), stderr: stderr() }
  if (timedOut) return { kind: 'timeout', ...output }
  if (child.pid === undefined)
    return {
      kind: 'missing',
      reason: result.code === 'ENOENT' ? 'not found' : (result.code ?? 'cannot be started'),
      ...output,
    }
  if (result.exitCode === undefined) return { kind: 'killed', signal: result.signal ?? 'unknown', ...output }
  return { kind: 'exited', exitCode: result.exitCode, ...output }
}

/** Reads to the end, so that the child never blocks, and keeps the beginning. */
function keepStart(stream: Readable): () => string {
  let kept = ''
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => {
    if (kept.length < keptOutput) kept += chunk.slice(0, keptOutput - kept.length)
  })
  return () => kept
}

/**
 * SIGTERM, then SIGKILL, to the whole group, and returns when it is gone: whoever runs the command again must not meet a
 * grandchild of the last one. Lets go of the pipes that a process outside the group may still hold.
 */
async function stopGroup(pid: number | undefined, pipes: readonly Readable[]): Promise<void> {
  if (pid === undefined) return
  signalGroup(pid, 'SIGTERM')
  const patience = performance.now() + killGraceMs
  // A number is not given out again while its group lives, so asking often also keeps us from hitting another's group.
  const open = () => pipes.some((pipe) => !pipe.closed)
  while ((signalGroup(pid, 0) || open()) && performance.now() < patience) await sleep(pollMs)
  signalGroup(pid, 'SIGKILL')
  for (const pipe of pipes) pipe.destroy()
}

/** Signals every process of the group (0: only asks); false when the group is gone. Whom we may not signal stays. */
export function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
