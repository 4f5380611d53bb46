/** Which of two runs does less. Pure. */
import type { RunMode } from './messages.ts'

/** True when a run in `mode` does less than one in `other`: it leaves nodes alone, or tells nobody. */
export function isWeaker(mode: RunMode, other: RunMode): boolean {
  return (other.push && !mode.push) || (other.notify && !mode.notify)
}
