/** How often Vault is asked: never more than allowed in any five minutes, evenly once the first third is used up. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Allowance, takeRequests } from '../../../shared/vault-budget.ts'

const fiveMinutes = 5 * 60_000

describe('the allowance of requests to Vault', () => {
  it('lets a third through at once and spreads the others evenly', () => {
    let before: Allowance | undefined
    const waits: number[] = []
    for (let asked = 0; asked < 30; asked++) {
      const { next, waitMs } = takeRequests(before, 4, 300, 1_000_000)
      waits.push(waitMs)
      before = next
    }
    assert.deepEqual(waits.slice(0, 25), Array(25).fill(0))
    assert.deepEqual(waits.slice(25), [6_000, 12_000, 18_000, 24_000, 30_000])
  })

  it('is never exceeded in any five minutes, whoever asks and whenever', () => {
    const steps = fc.array(
      fc.record({ afterMs: fc.integer({ min: 0, max: 60_000 }), requests: fc.integer({ min: 1, max: 5 }) }),
      { minLength: 1, maxLength: 200 },
    )
    const property = fc.property(steps, fc.integer({ min: 30, max: 1_000 }), (asks, limit) => {
      let before: Allowance | undefined
      let now = 1_000_000
      const sent: { at: number; requests: number }[] = []
      for (const { afterMs, requests } of asks) {
        now += afterMs
        const { next, waitMs } = takeRequests(before, requests, limit, now)
        before = next
        sent.push({ at: now + waitMs, requests })
      }
      for (const { at } of sent) {
        const inWindow = sent.filter((one) => one.at >= at && one.at < at + fiveMinutes)
        const count = inWindow.reduce((sum, { requests }) => sum + requests, 0)
        assert.ok(count <= limit + 5, `${count} of ${limit}`)
      }
    })
    fc.assert(property)
  })

  it('is not blocked for an hour by a clock that was an hour ahead', () => {
    const ahead = takeRequests(undefined, 4, 300, 1_000_000 + 3_600_000).next
    assert.equal(takeRequests(ahead, 4, 300, 1_000_000).waitMs, 0)
  })

  it('is whole again after five quiet minutes', () => {
    let before: Allowance | undefined
    for (let asked = 0; asked < 25; asked++) before = takeRequests(before, 4, 300, 0).next
    assert.equal(takeRequests(before, 100, 300, fiveMinutes).waitMs, 0)
  })
})
