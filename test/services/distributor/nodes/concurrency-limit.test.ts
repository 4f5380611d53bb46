import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  afterAnswer,
  afterDrop,
  type ConcurrencyLimit,
  mostDrops,
  openConcurrencyLimits,
} from '../../../../services/distributor/nodes/concurrency-limit.ts'

describe('how many pushes a node gets at once', () => {
  it('is what the configuration says, until sshd drops a connection', () => {
    const limits = openConcurrencyLimits(() => 4)
    assert.equal(limits.mostAt('n1'), 4)
    limits.dropped('n1')
    assert.deepEqual([limits.mostAt('n1'), limits.mostAt('n2')], [2, 4])
  })
  it('is never less than one', () => {
    const limits = openConcurrencyLimits(() => 4)
    for (let i = 0; i < 5; i += 1) limits.dropped('n1')
    assert.equal(limits.mostAt('n1'), 1)
  })
  it('is one more after eight pushes that got through, and in the end as before', () => {
    const limits = openConcurrencyLimits(() => 3)
    limits.dropped('n1')
    const seen = Array.from({ length: 16 }, () => {
      limits.answered('n1')
      return limits.mostAt('n1')
    })
    assert.deepEqual(seen, [...Array(7).fill(1), ...Array(8).fill(2), 3])
  })
  it('follows a smaller configuration at once', () => {
    let perNode = 8
    const limits = openConcurrencyLimits(() => perNode)
    limits.dropped('n1')
    perNode = 2
    assert.equal(limits.mostAt('n1'), 2)
  })
  it('stays between one and the configured number, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean()), fc.integer({ min: 1, max: 8 }), (drops, perNode) => {
        let limit: ConcurrencyLimit | undefined
        for (const drop of drops) {
          limit = drop ? afterDrop(limit, perNode) : limit && afterAnswer(limit, perNode)
          assert.ok((limit?.most ?? perNode) >= 1 && (limit?.most ?? perNode) <= perNode)
        }
      }),
    )
  })
})

describe('a dropped connection', () => {
  it('is tried again ever more slowly, and is a failure when it never ends', () => {
    const limits = openConcurrencyLimits(() => 4)
    const waits = Array.from({ length: mostDrops + 1 }, () => limits.dropped('n1'))
    assert.deepEqual(waits.slice(0, 6), [200, 400, 800, 1_600, 3_000, 3_000])
    assert.equal(waits.at(-1), undefined)
  })
  it('starts the count anew after a push that got through', () => {
    const limits = openConcurrencyLimits(() => 4)
    for (let i = 0; i < mostDrops; i += 1) limits.dropped('n1')
    limits.answered('n1')
    assert.equal(limits.dropped('n1'), 200)
  })
})
