import assert from 'node:assert/strict'
import { it } from 'node:test'
import { inTurns } from '../../../bench/support/in-turns.ts'

it('two ways are measured in turns: neither is always the first, and each result stays with its own way', async () => {
  const order: string[] = []
  const measure = (way: string) => async () => {
    order.push(way)
    return `${way}${order.length}`
  }
  const told: unknown[] = []
  const measured = await inTurns(3, measure('base'), measure('other'), (pair) => told.push(pair))
  assert.deepEqual(order, ['base', 'other', 'other', 'base', 'base', 'other'])
  assert.deepEqual(measured, [
    { base: 'base1', other: 'other2' },
    { base: 'base4', other: 'other3' },
    { base: 'base5', other: 'other6' },
  ])
  assert.deepEqual(told, measured)
})
