/**
 * Ends a process with everything it has started in its group: execa's own ending stops at the process itself, and leaves a
 * grandchild that ignores SIGTERM.
 */
import { setTimeout as sleep } from 'node:timers/promises'

/** How long the group is given after each of them (milliseconds). A zombie that nobody buries counts as alive. */
const graces = [
  ['SIGTERM', 1_000],
  ['SIGKILL', 200],
] as const
/** How often a group that was told to end is looked at (milliseconds): its members are not all children of ours. */
const pollMs = 20

/**
 * SIGTERM, then SIGKILL, to the whole group, and returns when it is gone: whoever runs the command again must not meet a
 * grandchild of the last one. What even SIGKILL cannot end, such as a process that hangs in the kernel, is left.
 */
export async function endGroup(pid: number): Promise<void> {
  for (const [signal, graceMs] of graces) {
    signalGroup(pid, signal)
    const patience = performance.now() + graceMs
    // A number is not given out again while its group lives, so asking often also keeps us from hitting another's group.
    while (performance.now() < patience) {
      if (!signalGroup(pid, 0)) return
      await sleep(pollMs)
    }
  }
}

/** Signals every process of the group (0: only asks); false when the group is gone. Whom we may not signal stays. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
