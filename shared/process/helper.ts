/**
 * Who starts a daemon's processes: the daemon itself while they are few, and a small helper process in a crowd, so that
 * the daemon's event loop goes on. The helper comes when it is worth its start, and leaves when nothing is to be done.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { environment } from '../config/environment.ts'
import type { FromHelper, ToHelper } from './helper-messages.ts'
import { type ProcessEnd, type ProcessPlan, type StartedProcess, startProcess } from './start-process.ts'
import { signalGroup } from './stop-group.ts'

export interface ProcessHelper extends AsyncDisposable {
  start(plan: ProcessPlan): StartedProcess
}

export interface HelperOptions {
  /** So many processes close together are started without a helper. */
  readonly few?: number
  /** When nothing was started for so long, the helper leaves (milliseconds). */
  readonly idleMs?: number
}

/** How long the helper may take to tell the end of what was killed (milliseconds). */
const answerMs = 1_000
const killed: ProcessEnd = { signal: 'SIGKILL', stdout: '', stderr: '' }

interface Pending {
  readonly pid: PromiseWithResolvers<number | undefined>
  readonly ended: PromiseWithResolvers<ProcessEnd>
}

/** Disposing ends the helper; what it has started must have ended before. */
export function openProcessHelper({ few = 32, idleMs = 5_000 }: HelperOptions = {}): ProcessHelper {
  let helper: ReturnType<typeof launchHelper> | undefined
  let startedLately = 0
  let idle: NodeJS.Timeout | undefined

  async function leave(): Promise<void> {
    startedLately = 0
    const leaving = helper
    helper = undefined
    await leaving?.leave()
  }

  function leaveWhenIdle(): void {
    clearTimeout(idle)
    idle = setTimeout(() => void (helper?.isBusy() ? leaveWhenIdle() : leave()), idleMs).unref()
  }

  return {
    start(plan) {
      leaveWhenIdle()
      if (++startedLately <= few) return startProcess(plan)
      if (helper?.isGone()) helper = undefined
      helper ??= launchHelper()
      return helper.start(plan)
    },
    async [Symbol.asyncDispose]() {
      clearTimeout(idle)
      await leave()
    },
  }
}

function launchHelper() {
  const child = fork(join(import.meta.dirname, 'helper-program.ts'), {
    execArgv: ['--max-semi-space-size=1'],
    env: environment.NODE_COMPILE_CACHE ? { NODE_COMPILE_CACHE: environment.NODE_COMPILE_CACHE } : {},
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const pending = new Map<number, Pending>()
  const gone = untilGone(child)
  let isGone = false
  let lastId = 0
  void gone.then(() => {
    isGone = true
    for (const one of pending.values()) void giveUp(one)
    pending.clear()
  })

  const tell = (message: ToHelper) => void child.send(message, () => undefined)

  child.on('message', (message: FromHelper) => {
    const one = pending.get(message.id)
    if ('pid' in message) one?.pid.resolve(message.pid)
    else {
      pending.delete(message.id)
      one?.pid.resolve(undefined)
      one?.ended.resolve(message.end)
      holdOn()
    }
  })

  /** The helper keeps us running only while it is at work for us. */
  function holdOn(): void {
    const how = pending.size > 0 ? 'ref' : 'unref'
    child[how]()
    child.channel?.[how]()
  }

  function letGo(id: number, one: Pending): void {
    tell({ letGo: id })
    setTimeout(async () => {
      if (!pending.delete(id)) return
      // Nobody can end a process that hangs in the kernel; a helper that did not even start it hangs itself.
      if ((await Promise.race([one.pid.promise, undefined])) === undefined) child.kill('SIGKILL')
      one.ended.resolve(killed)
      holdOn()
    }, answerMs).unref()
  }

  return {
    isGone: () => isGone,
    isBusy: () => pending.size > 0,
    start(plan: ProcessPlan): StartedProcess {
      const id = ++lastId
      const one: Pending = { pid: Promise.withResolvers(), ended: Promise.withResolvers() }
      pending.set(id, one)
      holdOn()
      tell({ id, plan })
      return { pid: one.pid.promise, ended: one.ended.promise, letGo: () => letGo(id, one) }
    },
    async leave(): Promise<void> {
      child.ref()
      if (child.connected) child.disconnect()
      await gone
    },
  }
}

function untilGone(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
}

/** Nobody will ever say how it ended: what runs is ended, so that it can be run again. */
async function giveUp({ pid, ended }: Pending): Promise<void> {
  pid.resolve(undefined)
  const known = await pid.promise
  if (known !== undefined) signalGroup(known, 'SIGKILL')
  ended.resolve(killed)
}
