/**
 * Runs one command for a person: it reads and writes on this terminal itself. Exact argv and environment, and a deadline;
 * what it says on stderr is passed on and kept for the caller, nothing else of it is seen, and none is traced.
 */
import { execa } from 'execa'

export interface InteractiveCommand {
  /** Program name or path. */
  readonly file: string
  readonly args: readonly string[]
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

export type InteractiveOutcome =
  /** Its stderr is no terminal for it. */
  | { readonly kind: 'exited'; readonly exitCode: number; readonly stderr: string }
  | { readonly kind: 'timeout' }
  /** Ended by a signal, such as a person's Ctrl-C. */
  | { readonly kind: 'killed'; readonly signal: string }
  /** The program cannot be started. */
  | { readonly kind: 'missing'; readonly reason: string }

/** Between SIGTERM and SIGKILL (milliseconds). */
const killGraceMs = 1_000

/** Runs the command to its end. Does not throw for anything the command does. */
export async function runInteractive(command: InteractiveCommand): Promise<InteractiveOutcome> {
  const { file, args, env, timeoutMs } = command
  // In our own process group, unlike a daemon's commands: only the terminal's foreground group may read from it.
  const started = execa(file, args, {
    ...{ env, extendEnv: false, reject: false, cleanup: false },
    stdio: ['inherit', 'inherit', ['inherit', 'pipe']],
    ...{ timeout: timeoutMs, forceKillAfterDelay: killGraceMs },
  } as const)
  const stop = () => void started.kill()
  // The terminal gives Ctrl-C to the child as well: it ends of it, and we live on to tidy up.
  const handlers = { SIGINT: () => undefined, SIGTERM: stop, SIGHUP: stop } as const
  for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler)
  try {
    const { timedOut, exitCode, signal, code, stderr } = await started
    if (timedOut) return { kind: 'timeout' }
    if (exitCode !== undefined) return { kind: 'exited', exitCode, stderr }
    if (signal !== undefined) return { kind: 'killed', signal }
    return { kind: 'missing', reason: code === 'ENOENT' ? 'not found' : (code ?? 'cannot be started') }
  } finally {
    for (const [signal, handler] of Object.entries(handlers)) process.off(signal, handler)
  }
}
