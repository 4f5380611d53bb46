/** What the kernel says of a process: its CPU time and its memory (proc(5)). */
import { readFileSync } from 'node:fs'

/** What /proc counts CPU time in (USER_HZ) on every Linux that Node runs on (milliseconds); a counter is cut by less than that. */
const tickMs = 10

export interface ProcessStat {
  readonly pid: number
  readonly parent: number
  /** CPU time of all its threads (milliseconds). */
  readonly ownMs: number
  /** CPU time of the children that it has waited for, and of theirs (milliseconds). */
  readonly waitedForMs: number
}

/** Undefined for one that is gone. */
export function readStat(pid: number): ProcessStat | undefined {
  const stat = readProc(pid, 'stat')
  // The name in the second field may hold anything, so the fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields.length < 16) return undefined
  const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11, 15).map(Number)
  return {
    ...{ pid, parent: Number(fields[1]) },
    ownMs: (user + system) * tickMs,
    waitedForMs: (childrenUser + childrenSystem) * tickMs,
  }
}

/** Its highest resident memory (MB); NaN for one that is gone. */
export const peakRssMb = (pid = 0) => megabytes(readProc(pid, 'status'), /^VmHWM:\s+(\d+) kB$/m)

/** Its memory, of which it has its share of each page that others have too (MB); NaN for one that is gone. */
export const pssMb = (pid = 0) => megabytes(readProc(pid, 'smaps_rollup'), /^Pss:\s+(\d+) kB$/m)

const megabytes = (text: string, line: RegExp) => Number(line.exec(text)?.[1]) / 1_024

/** Empty for one that is gone. */
export function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return ''
  }
}
