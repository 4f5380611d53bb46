/** What a test has left open in this process: sockets, children and timers beyond those that were there before it. */
import { afterEach, beforeEach } from 'node:test'
import { eventually } from './latch.ts'

const counted = new Set(['TCPSocketWrap', 'TCPServerWrap', 'ProcessWrap', 'Timeout', 'FSEventWrap'])

const openNow = () => process.getActiveResourcesInfo().filter((kind) => counted.has(kind))

/** Makes each test of the suite that calls it fail when it leaves something open. Its tests must not run side by side. */
export function expectNothingLeftOpen(): void {
  let before = 0
  beforeEach(() => {
    before = openNow().length
  })
  afterEach(async () => {
    try {
      // A socket that was told to close is there for another moment.
      await eventually(async () => openNow().length <= before, 'nothing left open', 30_000)
    } catch {
      throw new Error(`left open: ${openNow().join(', ')}; ${before} of these were there before`)
    }
  })
}
