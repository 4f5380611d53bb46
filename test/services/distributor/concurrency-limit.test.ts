import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  afterAnswer,
  afterDrop,
  mostDrops,
  openPaces,
  type Pace,
} from '../../../services/distributor/pace.ts'

describe('how many pushes a node gets at once', () => {
  it('is what the configuration says, until sshd drops a connection', () => {
    const paces = openPaces(() => 4)
    assert.equal(paces.mostAt('n1'), 4)
    paces.dropped('n1')
    assert.deepEqual([paces.mostAt('n1'), paces.mostAt('n2')], [2, 4])
  })
  it('is never less than one', () => {
    const paces = openPaces(() => 4)
    for (let i = 0; i < 5; i += 1) paces.dropped('n1')
    assert.equal(paces.mostAt('n1'), 1)
  })
  it('is one more after eight pushes that got through, and in the end as before', () => {
    const paces = openPaces(() => 3)
    paces.dropped('n1')
    const seen = Array.from({ length: 16 }, () => {
      paces.answered('n1')
      return paces.mostAt('n1')
    })
    assert.deepEqual(seen, [...Array(7).fill(1), ...Array(8).fill(2), 3])
  })
  it('follows a smaller configuration at once', () => {
    let perNode = 8
    const paces = openPaces(() => perNode)
    paces.dropped('n1')
    perNode = 2
    assert.equal(paces.mostAt('n1'), 2)
  })
  it('stays between one and the configured number, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean()), fc.integer({ min: 1, max: 8 }), (drops, perNode) => {
        let pace: Pace | undefined
        for (const drop of drops) {
          pace = drop ? afterDrop(pace, perNode) : pace && afterAnswer(pace, perNode)
          assert.ok((pace?.most ?? perNode) >= 1 && (pace?.most ?? perNode) <= perNode)
        }
      }),
    )
  })
})

describe('a dropped connection', () => {
  it('is tried again ever more slowly, and is a failure when it never ends', () => {
    const paces = openPaces(() => 4)
    const waits = Array.from({ length: mostDrops + 1 }, () => paces.dropped('n1'))
    assert.deepEqual(waits.slice(0, 6), [200, 400, 800, 1_600, 3_000, 3_000])
    assert.equal(waits.at(-1), undefined)
  })
  it('starts the count anew after a push that got through', () => {
    const paces = openPaces(() => 4)
    for (let i = 0; i < mostDrops; i += 1) paces.dropped('n1')
    paces.answered('n1')
    assert.equal(paces.dropped('n1'), 200)
  })
})
