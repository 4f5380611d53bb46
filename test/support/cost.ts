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
  const small = costOf(workOf(few), 10)
  const large = costOf(workOf(16 * few), 2)
  assert.ok(large < 3 * 16 * Math.max(small, 1), `${small} ms, and 16 times as much ${large} ms`)
}
