/** The sampler's thread: reads every process's arguments and environment, over and over, and keeps each text once. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'

const { pauseMs } = workerData as { readonly pauseMs: number }
/** A process that has looked the same so often is looked at ever more seldom: only the short-lived are hard to catch. */
const settledAfter = 25
const settledPeriod = 50

const texts = new Set<string>()
const seen = new Map<string, { cmdline: string; times: number }>()
let passes = 0
let stopped = false

parentPort?.once('message', () => {
  stopped = true
})

while (!stopped) {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  for (const pid of pids) look(pid)
  const alive = new Set(pids)
  for (const pid of seen.keys()) if (!alive.has(pid)) seen.delete(pid)
  passes += 1
  if (passes === 1) parentPort?.postMessage('sampling')
  await sleep(pauseMs)
}
parentPort?.postMessage({ texts: [...texts], passes })

function look(pid: string): void {
  const before = seen.get(pid)
  if (before && before.times > settledAfter && (passes + Number(pid)) % settledPeriod !== 0) return
  const cmdline = read(`/proc/${pid}/cmdline`)
  seen.set(pid, { cmdline, times: before?.cmdline === cmdline ? before.times + 1 : 1 })
  for (const text of [cmdline, read(`/proc/${pid}/environ`)]) if (text) texts.add(text)
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    // It has ended meanwhile.
    return ''
  }
}
