/**
 * Runs one command for a person: it reads and writes on this terminal itself. Exact argv and environment, and a deadline;
 * nothing of what it says is seen, kept or traced here.
 */
import { type ChildProcess, spawn } from 'node:child_process'

export interface InteractiveCommand {
  /** Program name or path. */
  readonly file: string
  readonly args: readonly string[]
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

export type InteractiveOutcome =
  | { readonly kind: 'exited'; readonly exitCode: number }
  | { readonly kind: 'timeout' }
  /** Ended by a signal, such as a person's Ctrl-C. */
  | { readonly kind: 'killed'; readonly signal: string }
  /** The program cannot be started. */
  | { readonly kind: 'missing'; readonly reason: string }

/** Between SIGTERM and SIGKILL (milliseconds). */
const killGraceMs = 1_000

/** Runs the command to its end. Does not throw for anything the command does. */
export async function runInteractive(command: InteractiveCommand): Promise<InteractiveOutcome> {
  // In our own process group, unlike a daemon's commands: only the terminal's foreground group may read from it.
  const child = spawn(command.file, [...command.args], { env: { ...command.env }, stdio: 'inherit' })
  let timedOut = false
  const deadline = setTimeout(() => {
    timedOut = true
    stop(child)
  }, command.timeoutMs)
  const handlers = {
    // The terminal gives Ctrl-C to the child as well: it ends of it, and we live on to tidy up.
    SIGINT: () => {},
    SIGTERM: () => stop(child),
    SIGHUP: () => stop(child),
  } as const
  for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler)
  try {
    const outcome = await ended(child)
    return timedOut ? { kind: 'timeout' } : outcome
  } finally {
    clearTimeout(deadline)
    for (const [signal, handler] of Object.entries(handlers)) process.off(signal, handler)
  }
}

function stop(child: ChildProcess): void {
  child.kill('SIGTERM')
  const last = setTimeout(() => child.kill('SIGKILL'), killGraceMs)
  child.once('exit', () => clearTimeout(last))
}

function ended(child: ChildProcess): Promise<InteractiveOutcome> {
  const { promise, resolve } = Promise.withResolvers<InteractiveOutcome>()
  child.once('error', ({ code }: NodeJS.ErrnoException) =>
    resolve({ kind: 'missing', reason: code === 'ENOENT' ? 'not found' : (code ?? 'cannot be started') }),
  )
  child.once('exit', (exitCode, signal) =>
    resolve(
      exitCode === null ? { kind: 'killed', signal: signal ?? 'unknown' } : { kind: 'exited', exitCode },
    ),
  )
  return promise
}
