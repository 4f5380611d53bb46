/**
 * Loaded into a daemon under test by `--import`: sees everything that it does to the bus, to files, with commands and over
 * HTTP, and kills it by SIGKILL at a point that the test has chosen. A point is a moment around a call: before it, when its
 * answer is there and nobody knows of it yet, or, of what has none, when it has left. The daemon knows nothing of this.
 */
import childProcess from 'node:child_process'
import fs from 'node:fs'
import promises from 'node:fs/promises'
import http from 'node:http'
import https from 'node:https'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'

/** One end of a daemon. */
export interface Kill {
  /** As {@link pass} names points. */
  readonly point: string
  /** The how many-eth time that this life comes there, from 1. */
  readonly time: number
  /** What comes there. Default: SIGKILL. */
  readonly signal?: 'SIGTERM'
  /** To whom. Default: the daemon itself. */
  readonly victim?: number
}

/** Where test and daemons meet. Files of a daemon: how its next lives end; the points that it came to; what it was killed at. */
export const killFiles = (directory: string, daemon: string) => ({
  plan: join(directory, `${daemon}.plan`),
  heard: join(directory, `${daemon}.heard`),
  points: join(directory, `${daemon}.points`),
  killed: join(directory, `${daemon}.killed`),
})

const [, root, daemon] = /^(.*)\/services\/(\w+)\/main\.ts$/.exec(process.argv[1] ?? '') ?? []
const directory = process.env.KILL_POINTS
// It stands in the options of every Node program that a daemon's environment reaches.
if (root && daemon && directory) await watchPoints(root, killFiles(directory, daemon))

async function watchPoints(root: string, files: ReturnType<typeof killFiles>): Promise<void> {
  const { closeSync, existsSync, openSync, readFileSync, rmSync, writeSync } = fs
  const append = (file: string, line: string) => {
    const to = openSync(file, 'a')
    writeSync(to, line)
    closeSync(to)
  }
  const times = new Map<string, number>()
  /** A call that is made of others is one point. */
  let isInside = false
  let ends: readonly Kill[] = []
  const readPlan = () => {
    ends = existsSync(files.plan) ? (JSON.parse(readFileSync(files.plan, 'utf8')) as Kill[]) : []
    times.clear()
  }
  readPlan()
  process.on('SIGUSR2', () => {
    readPlan()
    append(files.heard, '')
  })

  function pass(point: string): void {
    const time = (times.get(point) ?? 0) + 1
    times.set(point, time)
    append(files.points, `${point}\n`)
    const [end, ...later] = ends
    // Without the file, the test has let everybody live.
    if (end?.point !== point || end.time !== time || !existsSync(files.plan)) return
    ends = []
    // Whoever takes over dies at the next one of them.
    rmSync(files.plan)
    append(files.plan, JSON.stringify(later))
    append(files.killed, `${point} (${time})\n`)
    process.kill(end.victim ?? process.pid, end.signal ?? 'SIGKILL')
  }

  const own = new RegExp(`${root}/((?:services|shared)/[^)\\s]+?:\\d+):\\d+`, 'g')
  /** The innermost of our own lines, and the next two outside of what everybody calls; undefined where none has led here. */
  function cameFrom(): string | undefined {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 60
    const { stack = '' } = new Error()
    Error.stackTraceLimit = stackTraceLimit
    const [first, ...others] = [...stack.matchAll(own)].map(([, line]) => line)
    const callers = others.filter((line) => line !== first && !line?.startsWith('shared/bus/'))
    return first && [first, ...new Set(callers)].slice(0, 3).join(' < ')
  }

  type Call = (this: unknown, ...args: never[]) => unknown
  /** Puts in the place of `holder[name]` what passes points around it; `after` is told how to say that it has ended. */
  function around(
    holder: object,
    name: string,
    kind: string,
    after: (result: unknown, ended: () => void, self: unknown) => unknown,
  ): void {
    const slots = holder as Record<string, Call>
    const original = slots[name]
    if (!original) throw new Error(`${kind} has no ${name}`)
    slots[name] = function (...args) {
      const from = isInside ? undefined : cameFrom()
      if (!from) return original.apply(this, args)
      pass(`before ${kind}.${name} ${from}`)
      isInside = true
      try {
        return after(original.apply(this, args), () => pass(`after ${kind}.${name} ${from}`), this)
      } finally {
        isInside = false
      }
    }
  }
  const settled = (result: unknown, ended: () => void) => (result as Promise<unknown>).finally(ended)
  const returned = (result: unknown, ended: () => void) => {
    ended()
    return result
  }

  for (const name of [
    'writeFile',
    'appendFile',
    'readFile',
    'rename',
    'rm',
    'mkdir',
    'mkdtemp',
    'chmod',
    'stat',
    'lstat',
    'readdir',
  ])
    around(promises, name, 'file', settled)
  const handle = await promises.open('/dev/null')
  for (const name of ['chmod', 'writeFile', 'sync'])
    around(Object.getPrototypeOf(handle) as object, name, 'handle', settled)
  await handle.close()
  around(promises, 'open', 'file', settled)
  for (const name of [
    'openSync',
    'readFileSync',
    'writeFileSync',
    'renameSync',
    'rmSync',
    'mkdirSync',
    'chmodSync',
    'existsSync',
    'statSync',
  ])
    around(fs, name, 'file', returned)
  around(childProcess, 'spawnSync', 'command', returned)
  around(childProcess, 'spawn', 'command', (child, ended) => {
    ;(child as childProcess.ChildProcess).prependListener('exit', ended)
    return child
  })
  for (const [kind, module] of Object.entries({ http, https }))
    around(module, 'request', kind, (request, ended) => {
      ;(request as http.ClientRequest).prependListener('response', ended)
      return request
    })
  around(globalThis, 'fetch', 'http', settled)
  syncBuiltinESMExports()

  // After the file system: it is read through what is watched already.
  const { NatsConnectionImpl, ProtocolHandler } = await import('@nats-io/nats-core/internal')
  around(ProtocolHandler.prototype, 'publish', 'bus', (result, ended, self) => {
    // The server has it when it has answered what comes behind it.
    ;(self as InstanceType<typeof ProtocolHandler>).flush().then(ended, () => undefined)
    return result
  })
  around(NatsConnectionImpl.prototype, 'request', 'bus', settled)
}
