/** Consuming only with the lease: taking up, handing back, and a bus that is away. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHeldNow, serveWhileHeld } from '../../../../services/storer/exclusive/while-leader.ts'
import { createLog } from '../../../../shared/telemetry/logs/log.ts'
import type { Lease } from '../../../../shared/work/lease.ts'
import { createRecorder } from '../../../support/recorder.ts'

const log = createLog('storer')

/** A lease whose state the test decides; `away` means that nobody answers. */
function leaseOf(first: boolean | 'away') {
  const lease = {
    state: first as boolean | 'away',
    held: async () => {
      if (lease.state === 'away') throw new Error('the bus is away')
      return lease.state
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
  return lease satisfies Lease
}

function serviceOf(lease: Lease) {
  const life = createRecorder<'start' | 'stop'>()
  const serving = serveWhileHeld(
    lease,
    async () => {
      life.add('start')
      return { [Symbol.asyncDispose]: async () => life.add('stop') }
    },
    log,
  )
  const count = (what: string) => life.all.filter((one) => one === what).length
  return { life, serving, count }
}

describe('serving while the lease is held', () => {
  it('starts when it is held, stops when it is lost, and starts again', async () => {
    const lease = leaseOf(false)
    const { life, serving, count } = serviceOf(lease)
    assert.equal(life.all.length, 0)
    lease.state = true
    await life.until('the start', (one) => one === 'start')
    lease.state = false
    await life.until('the stop', (one) => one === 'stop')
    lease.state = true
    await life.until('the second start', () => count('start') === 2)
    await serving[Symbol.asyncDispose]()
    assert.deepEqual(life.all, ['start', 'stop', 'start', 'stop'])
  })

  it('goes on while nobody can say who has the lease', async () => {
    const lease = leaseOf(true)
    const { life, serving } = serviceOf(lease)
    await life.until('the start', (one) => one === 'start')
    lease.state = 'away'
    await serving[Symbol.asyncDispose]()
    assert.deepEqual(life.all, ['start', 'stop'])
  })

  it('starts nothing before it knows', async () => {
    const { life, serving } = serviceOf(leaseOf('away'))
    await serving[Symbol.asyncDispose]()
    assert.deepEqual(life.all, [])
  })
})

describe('an answer about the lease', () => {
  it('counts only when it is fresh', async () => {
    let asked = 0
    const clock = performance.now
    let skew = 0
    performance.now = () => clock.call(performance) + skew
    try {
      const held = await isHeldNow({
        async held() {
          asked += 1
          // The process slept while the first answer was on its way; somebody else has the lease now.
          if (asked === 1) skew += 60_000
          return asked === 1
        },
        [Symbol.asyncDispose]: async () => undefined,
      })
      assert.deepEqual([held, asked], [false, 2])
    } finally {
      performance.now = clock
    }
  })
})
