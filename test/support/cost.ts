/** Whether something costs time as its input grows, or as the square of that. */
import assert from 'node:assert/strict'

/** Milliseconds of the processor, the least of some: neither what else the machine does is counted, nor compiling. */
function costOf(work: () => void, times: number): number {
  const costs = Array.from({ length: times }, () => {
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1_000
  })
  return Math.min(...costs)
}

/** Fails where sixteen times as much costs more than 48 times as much time. What is done in a millisecond costs nothing. */
export function assertLinear(few: number, workOf: (size: number) => () => void): void {
  const large = workOf(16 * few)
  const once = costOf(large, 1)
  if (once < 3 * 16) return
  const small = costOf(workOf(few), 10)
  const most = 3 * 16 * Math.max(small, 1)
  const least = once < most ? once : Math.min(once, costOf(large, 1))
  assert.ok(least < most, `${small} ms, and 16 times as much ${least} ms`)
}
