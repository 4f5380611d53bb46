/** The highest resident memory of a process (MB), as the kernel has seen it. */
import { readFileSync } from 'node:fs'

export function peakRssMb(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
}
