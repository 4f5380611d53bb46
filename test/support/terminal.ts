/** The command line as a person types it: on a pseudo-terminal, or with its output in pipes. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { compileCache } from './compile-cache.ts'

/** The command line's program. */
export const main = join(import.meta.dirname, '../../cli/main.ts')

export interface Ended {
  readonly exit: number | null
  /** Of a terminal: everything shown there. */
  readonly stdout: string
  readonly stderr: string
}

export interface TypedOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Default: this command line. */
  readonly program?: string
  /** Ends it; the test fails by what is missing (milliseconds). */
  readonly timeoutMs?: number
}

const exactly = (env: TypedOptions['env']) => ({
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  ...compileCache,
  ...env,
})

/** Runs `managed-tokens WORDS…` with pipes. */
export async function type(words: readonly string[], options: TypedOptions = {}): Promise<Ended> {
  const child = spawn(process.execPath, [options.program ?? main, ...words], {
    env: exactly(options.env),
    cwd: options.cwd ?? '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 60_000,
  })
  const [stdout, stderr] = await Promise.all([
    child.stdout.setEncoding('utf8').toArray(),
    child.stderr.setEncoding('utf8').toArray(),
    child.exitCode === null ? once(child, 'exit') : undefined,
  ])
  return { exit: child.exitCode, stdout: stdout.join(''), stderr: stderr.join('') }
}

export interface TerminalOptions extends TypedOptions {
  readonly columns?: number
  /** Gets all that is shown so far, each time there is more of it. */
  readonly see?: (shown: string) => void | Promise<void>
  /** The same; what it returns is typed. */
  readonly type?: (shown: string) => string | undefined
}

/** Runs it on a terminal. */
export async function typeOnTerminal(
  words: readonly string[],
  options: TerminalOptions = {},
): Promise<Ended> {
  const quoted = [process.execPath, main, ...words].map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
  const command = `stty cols ${options.columns ?? 100} rows 40; exec ${quoted.join(' ')}`
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    env: { ...exactly(options.env), TERM: 'xterm', SHELL: '/bin/sh' },
    cwd: options.cwd ?? '/',
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: options.timeoutMs ?? 60_000,
  })
  child.stdin.on('error', () => {})
  let shown = ''
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    shown += chunk
    await options.see?.(shown)
    const keys = options.type?.(shown)
    if (keys) child.stdin.write(keys)
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return { exit: child.exitCode, stdout: shown, stderr: '' }
}
