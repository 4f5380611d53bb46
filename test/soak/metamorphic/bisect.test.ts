/** The shortest beginning that fails is found in few tries, and within bounds where the machine takes part in the failure. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { findShortest } from './bisect.ts'

const bounds = { tries: 20 }

it('the shortest beginning that fails is found', () =>
  fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 200 }), fc.nat(50), async (first, more) => {
      const found = await findShortest(first + more, async (steps) => steps >= first, bounds)
      assert.equal(found.steps, first)
      assert.ok(found.tries <= Math.ceil(Math.log2(first + more + 1)), `${found.tries} tries`)
    }),
  ))

it('what never fails again stays what it was', async () => {
  const found = await findShortest(22, async () => false, bounds)
  assert.deepEqual({ steps: found.steps, good: found.good }, { steps: 22, good: 21 })
})

it('no more is tried than may be, and nothing when the time is over', async () => {
  const lengths: number[] = []
  const fails = async (steps: number) => lengths.push(steps) > 0
  assert.equal((await findShortest(100, fails, { tries: 2 })).tries, 2)
  assert.deepEqual(lengths, [49, 24])
  assert.equal((await findShortest(100, fails, { tries: 9, isTime: () => false })).tries, 0)
})
