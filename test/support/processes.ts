/** Looking at processes from outside. */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** Ends when no such process runs (a zombie does not); fails after `withinMs`. There is no event for another's child. */
export async function isGone(pid: number, withinMs = 30_000): Promise<void> {
  const deadline = Date.now() + withinMs
  while (await runs(pid)) {
    if (Date.now() > deadline) throw new Error(`process ${pid} still runs after ${withinMs} ms`)
    await sleep(10)
  }
}

/** Whether the process exists and is not a zombie. */
export async function runs(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return status !== '' && !/^State:\s+[ZX]/m.test(status)
}
