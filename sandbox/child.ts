/** A long-lived child process of the sandbox: it is known to be ready, leaves no process behind when stopped, and dies with its parent. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

export interface ChildSpec {
  readonly name: string
  readonly command: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string>>
  /** File that gets what it writes to stderr. */
  readonly log: string
  /** A line of its stderr that says it is ready. */
  readonly ready: RegExp
}

export interface Child extends AsyncDisposable {
  readonly pid: number
  /** Ends the process group and waits until nobody holds its stderr any more. Safe to call twice. */
  stop(): Promise<void>
}

const readyTimeoutMs = 60_000
const reapTimeoutMs = 10_000

/**
 * Starts a server and waits until it says that it is ready.
 * @throws Error with its last words when it ends or stays silent instead.
 */
export async function startChild(spec: ChildSpec): Promise<Child> {
  // pdeathsig: a SIGKILLed parent cannot tidy up, so the kernel does it.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...spec.command], {
    detached: true,
    cwd: '/',
    env: spec.env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  // `close`, unlike `exit`, waits for everyone who inherited stderr, grandchildren included.
  const closed = once(child, 'close')
  closed.catch(() => {})
  const stop = () => stopGroup(child, closed)
  try {
    await becomeReady(child, closed, spec)
  } catch (error) {
    await stop()
    throw error
  }
  return { pid: child.pid as number, stop, [Symbol.asyncDispose]: stop }
}

async function becomeReady(child: ChildProcess, closed: Promise<unknown>, spec: ChildSpec): Promise<void> {
  const stderr = child.stderr as NonNullable<typeof child.stderr>
  // At once: what a server has said is in the file before anybody hears of what came after it.
  stderr.on('data', (words: Buffer) => appendFileSync(spec.log, words))
  const words: string[] = []
  const ready = new Promise<'ready'>((resolve) => {
    createInterface({ input: stderr }).on('line', (line) => {
      if (words.length < 20) words.push(line)
      if (spec.ready.test(line)) resolve('ready')
    })
  })
  const ended = closed.then(
    () => 'ended',
    (error: Error) => error.message,
  )
  const timer = Promise.withResolvers<string>()
  const timeout = setTimeout(() => timer.resolve(`not ready after ${readyTimeoutMs} ms`), readyTimeoutMs)
  const outcome = await Promise.race([ready, ended, timer.promise])
  clearTimeout(timeout)
  if (outcome !== 'ready') throw new Error(`${spec.name} did not start (${outcome}): ${words.join(' | ')}`)
}

async function stopGroup(child: ChildProcess, closed: Promise<unknown>): Promise<void> {
  const { pid } = child
  if (pid === undefined) return
  // Children first: their parent reaps them and ends by itself; killed together, they would be left to an init
  // that may not care for zombies.
  const children = childrenOf(pid)
  for (const one of children) kill(one)
  const patience = setTimeout(() => kill(-pid), children.length > 0 ? reapTimeoutMs : 0)
  await closed.catch(() => {})
  clearTimeout(patience)
}

function childrenOf(pid: number): number[] {
  try {
    const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return list.split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
