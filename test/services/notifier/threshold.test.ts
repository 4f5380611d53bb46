import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { countFailure, type FailureCount } from '../../../services/notifier/threshold.ts'

const run = (number: number) => `01J${String(number).padStart(23, '0')}`
/** The count after each of the runs. */
function countRuns(runs: readonly number[], threshold: number): FailureCount[] {
  const counts: FailureCount[] = []
  for (const number of runs) counts.push(countFailure(counts.at(-1), run(number), `at ${number}`, threshold))
  return counts
}

describe('counting failures in a row', () => {
  const table: Record<string, [number, boolean[]]> = {
    'tells at once with a threshold of one': [1, [true, true, true]],
    'tells at the third, then starts again': [3, [false, false, true, false, false, true]],
  }
  for (const [what, [threshold, told]] of Object.entries(table))
    it(what, () =>
      assert.deepEqual(
        countRuns(
          told.map((_, i) => i + 1),
          threshold,
        ).map((one) => one.told),
        told,
      ),
    )

  it('says since when and in how many runs, also after it was told', () => {
    const last = countRuns([1, 2, 3, 4, 5], 2).at(-1)
    assert.deepEqual([last?.since, last?.runs], ['at 1', 5])
  })
  it('counts a run once, and gives the same answer again', () => {
    const counts = countRuns([1, 2, 2, 2], 2)
    assert.deepEqual(counts.slice(1), Array(3).fill(counts[1]))
  })
  it('does not count a run that is older than the last one', () => {
    const counts = countRuns([5, 3], 9)
    assert.equal(counts[1], counts[0])
  })

  it('agrees with a plain model, whatever comes again or late', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
        fc.integer({ min: 1, max: 5 }),
        (runs, threshold) => {
          const counted = runs.filter((number, i) => number > Math.max(0, ...runs.slice(0, i)))
          const last = countRuns(runs, threshold).at(-1)
          assert.equal(last?.runs, counted.length)
          assert.equal(last?.count, counted.length % threshold)
          assert.equal(last?.told, counted.length % threshold === 0)
          assert.equal(last?.since, `at ${runs[0]}`)
          assert.equal(last?.lastRun, run(Math.max(...runs)))
        },
      ),
    )
  })
})
