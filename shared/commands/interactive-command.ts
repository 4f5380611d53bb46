/**
 * Runs one command for a person: it reads and writes on this terminal itself. Exact argv and environment, and a deadline;
 * what it says on stderr is passed on and kept for the caller, nothing else of it is seen, and none is traced.
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { openOutputPipe } from './output-pipe.ts'
import { keepText } from './output-text.ts'

export interface InteractiveCommand {
  /** Program name or path. */
  readonly file: string
  readonly args: readonly string[]
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

export type InteractiveOutcome =
  /** Its stderr is no terminal for it, but can be opened by name. */
  | { readonly kind: 'exited'; readonly exitCode: number; readonly stderr: string }
  | { readonly kind: 'timeout' }
  /** Ended by a signal, such as a person's Ctrl-C. */
  | { readonly kind: 'killed'; readonly signal: string }
  /** The program cannot be started. */
  | { readonly kind: 'missing'; readonly reason: string }

/** How long its stderr may stay open when it has ended (milliseconds). */
const lastWordsMs = 200
/** Between SIGTERM and SIGKILL (milliseconds). */
const killGraceMs = 1_000

/** Runs the command to its end. Does not throw for anything the command does. */
export async function runInteractive(command: InteractiveCommand): Promise<InteractiveOutcome> {
  const { file, args, env, timeoutMs } = command
  const said = await openOutputPipe()
  // In our own process group, unlike a daemon's commands: only the terminal's foreground group may read from it.
  const started = execa(file, args, {
    ...{ env, extendEnv: false, reject: false, cleanup: false },
    // Its types know of descriptors up to 9.
    stdio: ['inherit', 'inherit', said.childEnd as 3],
    ...{ timeout: timeoutMs, forceKillAfterDelay: killGraceMs },
  } as const)
  said.closeChildEnd()
  const stderr = keepText(said.output)
  said.output.on('data', (text: string) => void process.stderr.write(text))
  const closed = once(said.output, 'close')
  const stop = () => void started.kill()
  // The terminal gives Ctrl-C to the child as well: it ends of it, and we live on to tidy up.
  const handlers = { SIGINT: () => undefined, SIGTERM: stop, SIGHUP: stop } as const
  for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler)
  try {
    const { timedOut, exitCode, signal, code } = await started
    // Whoever is left of it may hold its stderr for ever.
    await Promise.race([closed, sleep(lastWordsMs, undefined, { ref: false })])
    if (timedOut) return { kind: 'timeout' }
    if (exitCode !== undefined) return { kind: 'exited', exitCode, stderr: stderr() }
    if (signal !== undefined) return { kind: 'killed', signal }
    return { kind: 'missing', reason: code === 'ENOENT' ? 'not found' : (code ?? 'cannot be started') }
  } finally {
    said.output.destroy()
    for (const [signal, handler] of Object.entries(handlers)) process.off(signal, handler)
  }
}
