/** Ends a process with everything it has started. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { StartedProcess } from './start-process.ts'

/** Between SIGTERM and SIGKILL (milliseconds). */
const killGraceMs = 1_000
/** How often a group that was told to end is looked at (milliseconds): its members are not all children of ours. */
const pollMs = 20

/**
 * SIGTERM, then SIGKILL, to the whole group, and returns when it is gone: whoever runs the command again must not meet a
 * grandchild of the last one. Lets go of the output that a process outside the group may still hold open.
 */
export async function stopGroup(started: StartedProcess): Promise<void> {
  // Who starts it for us may be stuck itself.
  const pid = await Promise.race([started.pid, sleep(killGraceMs, undefined, { ref: false })])
  if (pid === undefined) return started.letGo()
  let isOpen = true
  void started.ended.then(() => {
    isOpen = false
  })
  signalGroup(pid, 'SIGTERM')
  const patience = performance.now() + killGraceMs
  // A number is not given out again while its group lives, so asking often also keeps us from hitting another's group.
  while ((signalGroup(pid, 0) || isOpen) && performance.now() < patience) await sleep(pollMs)
  signalGroup(pid, 'SIGKILL')
  started.letGo()
}

/** Signals every process of the group (0: only asks); false when the group is gone. Whom we may not signal stays. */
export function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
