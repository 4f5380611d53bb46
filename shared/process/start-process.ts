/** Starts one process with an exact argv and environment, in a group of its own, and keeps the beginning of what it says. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'

export interface ProcessPlan {
  /** Program name or path. */
  readonly file: string
  readonly args: readonly string[]
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd?: string | undefined
}

/** How it ended; a process that could not be started has neither exit code nor signal. */
export interface ProcessEnd {
  readonly exitCode?: number
  readonly signal?: string
  /** The system's code of what kept it from starting, such as `ENOENT`. */
  readonly error?: string
  /** At most the first {@link keptOutput} characters. */
  readonly stdout: string
  readonly stderr: string
}

export interface StartedProcess {
  /** Undefined where it could not be started. */
  readonly pid: Promise<number | undefined>
  /** Fulfilled when it has ended and nobody can write its output any more. */
  readonly ended: Promise<ProcessEnd>
  /** Stops reading its output: `ended` then waits for the process alone. */
  letGo(): void
}

/** A process of our own, whose pipes can be reached. */
export interface OwnProcess extends StartedProcess {
  /** Where it was to be open. */
  readonly stdin?: Writable | undefined
  readonly stdout?: Readable
}

/** What is kept of each output stream (characters); the rest is read and dropped. */
const keptOutput = 64 * 1024

/** Starts it. `stdin` is empty unless it is to be `open`. Does not throw for anything about the program. */
export function startProcess(plan: ProcessPlan, stdin: 'empty' | 'open' = 'empty'): OwnProcess {
  try {
    return follow(spawnInGroup(plan, stdin))
  } catch (error) {
    // Such as an argument list that is too long.
    const { code = 'unknown' } = error as NodeJS.ErrnoException
    const ended = Promise.resolve({ error: code, stdout: '', stderr: '' })
    return { pid: Promise.resolve(undefined), ended, letGo: () => undefined }
  }
}

function spawnInGroup({ file, args, env, cwd }: ProcessPlan, stdin: 'empty' | 'open') {
  return spawn(file, args, {
    ...{ env, cwd, detached: true },
    stdio: [stdin === 'open' ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  })
}

function follow(child: ChildProcess): OwnProcess {
  if (!child.stdout) return followUnstarted(child)
  const { stdout, stderr } = child as { stdout: Readable; stderr: Readable }
  // It may be gone before it has read everything.
  child.stdin?.on('error', () => undefined)
  return {
    pid: Promise.resolve(child.pid),
    ended: untilEnded(child, keepStart(stdout), keepStart(stderr)),
    letGo() {
      for (const pipe of [stdout, stderr]) pipe.destroy()
    },
    ...(child.stdin ? { stdin: child.stdin } : {}),
    stdout,
  }
}

/** Where this process has no file descriptors left, there are no pipes, and the error is told a moment later. */
function followUnstarted(child: ChildProcess): OwnProcess {
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once('error', ({ code = 'unknown' }: NodeJS.ErrnoException) =>
      resolve({ error: code, stdout: '', stderr: '' }),
    )
  })
  return { pid: Promise.resolve(undefined), ended, letGo: () => undefined }
}

function untilEnded(child: ChildProcess, stdout: () => string, stderr: () => string): Promise<ProcessEnd> {
  return new Promise((resolve) => {
    child.once('error', ({ code = 'unknown' }: NodeJS.ErrnoException) => {
      if (child.pid === undefined) resolve({ error: code, stdout: '', stderr: '' })
    })
    child.once('close', (exitCode, signal) => {
      if (child.pid === undefined) return
      const how = exitCode === null ? { signal: signal ?? 'unknown' } : { exitCode }
      resolve({ ...how, stdout: stdout(), stderr: stderr() })
    })
  })
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
