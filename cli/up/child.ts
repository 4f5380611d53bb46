/** One long-lived child process: started again when it dies, stopped with all its group, gone when we are gone. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export interface ChildPlan {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Standard output and error are appended there; absent: they are ours. */
  readonly logFile?: string | undefined
  /** `message`: the child says 'ready' over IPC. Otherwise a check that ends when it is ready, and ends at the signal. */
  readonly ready: 'message' | ((signal: AbortSignal) => Promise<void>)
  /** What the kernel sends the child when we die, whatever killed us. */
  readonly deathSignal: 'KILL' | 'TERM'
  /** Exit codes after which another start makes no sense, and why, as a sentence for people. */
  readonly hopeless: Readonly<Record<number, string>>
  /** How long the child may take to stop before its group is killed (milliseconds). */
  readonly stopGraceMs: number
}

export type ChildEvent =
  | { readonly type: 'started' | 'ready'; readonly name: string; readonly pid: number }
  | {
      readonly type: 'died'
      readonly name: string
      readonly pid: number
      readonly how: string
      readonly restartMs: number
    }
  | { readonly type: 'gave-up'; readonly name: string; readonly why: string }
  | { readonly type: 'no-room'; readonly name: string; readonly where: string }

export interface KeptChild {
  readonly name: string
  /** Undefined between two lives. */
  pid(): number | undefined
  /** Ends when the child that runs now, or the next one, is ready. Rejects when it never will be. */
  ready(): Promise<void>
  /** Sends the signal to the process alone; false when it is not running. */
  kill(signal: NodeJS.Signals): boolean
  /** SIGTERM, then SIGKILL to the group. Returns when it is gone; it is not started again. */
  stop(): Promise<void>
}

const firstBackoffMs = 100
const longestBackoffMs = 5_000
/** A child that lived this long has earned an immediate restart. */
const steadyMs = 10_000

/** Starts the child and keeps it running until `stop`. */
export function keepRunning(plan: ChildPlan, onEvent: (event: ChildEvent) => void): KeptChild {
  const stop = new AbortController()
  let child: ChildProcess | undefined
  let ready = newLatch()
  let wasReady = false
  let everReady = false

  async function liveOnce(): Promise<Exit> {
    const process = start(plan)
    child = process
    const life = new AbortController()
    if (process.pid) onEvent({ type: 'started', name: plan.name, pid: process.pid })
    untilReady(plan, process, life.signal).then(
      () => {
        wasReady = true
        everReady = true
        onEvent({ type: 'ready', name: plan.name, pid: process.pid ?? 0 })
        ready.resolve()
      },
      () => {},
    )
    const exit = await untilExit(process)
    life.abort()
    child = undefined
    // What the child left behind in its group would work on beside its successor.
    if (process.pid) signalGroup(process.pid, 'SIGKILL')
    return exit
  }

  async function liveOn(): Promise<void> {
    let delayMs = 0
    while (!stop.signal.aborted) {
      const bornAt = performance.now()
      const exit = await liveOnce()
      if (stop.signal.aborted) break
      // What was ready once met something that can be mended while it is tried again, such as a file being edited.
      const refused = exit.code === null || everReady ? undefined : plan.hopeless[exit.code]
      const why = exit.error ?? refused
      if (why) {
        ready.reject(new Error(why))
        onEvent({ type: 'gave-up', name: plan.name, why })
        return
      }
      if (wasReady) ready = newLatch()
      wasReady = false
      if (performance.now() - bornAt > steadyMs) delayMs = 0
      onEvent({ type: 'died', name: plan.name, pid: exit.pid, how: exit.how, restartMs: delayMs })
      await sleep(delayMs, undefined, { signal: stop.signal }).catch(() => {})
      delayMs = Math.min(Math.max(delayMs * 2, firstBackoffMs), longestBackoffMs)
    }
    ready.reject(new Error(`${plan.name} was stopped.`))
  }

  const lives = liveOn()
  return {
    name: plan.name,
    pid: () => child?.pid,
    ready: () => ready.promise,
    kill: (signal) => child?.kill(signal) ?? false,
    async stop() {
      stop.abort()
      child?.kill('SIGTERM')
      const timer = setTimeout(() => child?.pid && signalGroup(child.pid, 'SIGKILL'), plan.stopGraceMs)
      await lives
      clearTimeout(timer)
    },
  }
}

interface Exit {
  readonly pid: number
  readonly code: number | null
  /** For people: "ended with exit code 1". */
  readonly how: string
  /** Set when it could not be started at all. */
  readonly error?: string
}

function start(plan: ChildPlan): ChildProcess {
  const log = plan.logFile === undefined ? undefined : openSync(plan.logFile, 'a', 0o600)
  const output = log ?? 'inherit'
  const stdio: StdioOptions = ['ignore', output, output]
  if (plan.ready === 'message') stdio.push('ipc')
  // A group of its own: Ctrl-C on our terminal reaches us alone, and stopping can reach its children.
  const child = spawn('setpriv', ['--pdeathsig', plan.deathSignal, plan.command, ...plan.args], {
    env: plan.env,
    stdio,
    detached: true,
  })
  if (log !== undefined) closeSync(log)
  return child
}

function untilExit(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      if (child.pid) return
      resolve({
        pid: 0,
        code: null,
        how: 'could not be started',
        error: `setpriv could not be started (${error.message}): install util-linux.`,
      })
    })
    child.once('exit', (code, signal) => {
      const how = signal ? `was killed by ${signal}` : `ended with exit code ${code}`
      resolve({ pid: child.pid ?? 0, code, how })
    })
  })
}

function untilReady(plan: ChildPlan, child: ChildProcess, signal: AbortSignal): Promise<void> {
  if (plan.ready !== 'message') return plan.ready(signal)
  return new Promise((resolve) => {
    child.on('message', (message) => {
      if (message === 'ready') resolve()
    })
  })
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // Nobody is left in it.
  }
}

/** A promise that may be rejected while nobody waits for it. */
function newLatch() {
  const latch = Promise.withResolvers<void>()
  latch.promise.catch(() => {})
  return latch
}
