import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  broughtBy,
  countResult,
  type FailureCount,
  type Result,
} from '../../../../services/notifier/failures/consecutive-failures.ts'

const run = (number: number) => `01J${String(number).padStart(23, '0')}`
/** An hour a run. */
const at = (number: number) => new Date(Date.UTC(2031, 0, 1, number)).toISOString()
/** At the end of the run, unless it says another occasion. */
const of = (number: number, by = run(number)) => ({ run: run(number), at: at(number), by })
const fail = (
  before: FailureCount | undefined,
  number: number,
  consecutive: number,
  isUrgent = false,
  more: Partial<Result> = {},
) => countResult(before, { ...of(number), failed: { consecutive, isUrgent }, ...more }) as FailureCount
const succeed = (before: FailureCount | undefined, number: number, more: Partial<Result> = {}) =>
  countResult(before, { ...of(number), ...more })
const recoveryBy = (count: FailureCount | undefined, number: number) => broughtBy(count, of(number)).recovered
/** The count after each of the failed runs. */
function countRuns(runs: readonly number[], consecutive: number, isUrgent = false): FailureCount[] {
  const counts: FailureCount[] = []
  for (const number of runs) counts.push(fail(counts.at(-1), number, consecutive, isUrgent))
  return counts
}
const toldIn = (counts: readonly FailureCount[]) => counts.map((one) => one.told)

describe('counting failures in a row', () => {
  const table: Record<string, [number, boolean[]]> = {
    'tells at once after one': [1, [true, true, true]],
    'tells at the third, then starts again': [3, [false, false, true, false, false, true]],
  }
  for (const [what, [consecutive, told]] of Object.entries(table))
    it(what, () =>
      assert.deepEqual(
        toldIn(
          countRuns(
            told.map((_, i) => i + 1),
            consecutive,
          ),
        ),
        told,
      ),
    )

  it('says since when and in how many runs, also after it was told', () => {
    const last = countRuns([1, 2, 3, 4, 5], 2).at(-1)
    assert.deepEqual([last?.since, last?.runs], [at(1), 5])
  })
  it('counts a run once, and gives the same answer again', () => {
    const counts = countRuns([1, 2, 2, 2], 2)
    assert.deepEqual(counts.slice(1), Array(3).fill(counts[1]))
  })
  it('does not count a run that is older than the last one', () => {
    const counts = countRuns([5, 3], 9)
    assert.equal(counts[1], counts[0])
  })
})

describe('a run that is counted on several occasions', () => {
  const late = (name: string) => ({ by: `${run(1)}.late.${name}` })
  const isTold = (count: FailureCount | undefined, by = run(1)) => broughtBy(count, of(1, by)).isTold
  it('is told on the first one, as often as that one asks, and on no other', () => {
    const whole = fail(undefined, 1, 1)
    assert.equal(isTold(fail(whole, 1, 1)), true)
    const again = fail(whole, 1, 1, false, late('a'))
    assert.deepEqual([again, isTold(again, late('a').by)], [whole, false])
  })
  it('is told late where it failed late alone, and not once more at its end', () => {
    const [before] = countRuns([0], 2)
    const count = fail(before, 1, 2, false, late('a'))
    assert.deepEqual([isTold(count, late('a').by), isTold(fail(count, 1, 2))], [true, false])
  })
  it('is told on any, where a notifier of an older version has counted it, which says none', () => {
    const { by: _, ...old } = fail(undefined, 1, 1)
    assert.equal(isTold(old, late('a').by), true)
  })
  it('may fail and then work, whose end is told on that occasion alone; and not the other way round', () => {
    const over = succeed(fail(undefined, 1, 1), 1, late('b'))
    const on = (by: string) => broughtBy(over, of(1, by)).recovered?.ends
    assert.deepEqual([on(late('b').by), on(run(1))], [['failure'], undefined])
    assert.equal(fail(over, 1, 1, false, late('c')), over)
  })
})

describe('what only a person can mend', () => {
  it('is told at the first failure, however many in a row are told otherwise, and then once a day', () => {
    const told = toldIn(countRuns([...Array(50).keys()], 3, true))
    assert.deepEqual(
      told.flatMap((one, number) => (one ? number : [])),
      [0, 24, 48],
    )
  })
  it('is told at once in the middle of other failures', () => {
    const [, before] = countRuns([1, 2], 9)
    assert.equal(before?.told, false)
    assert.equal(fail(before, 3, 9, true).told, true)
  })
  it('does not keep other failures from being told', () => {
    const [urgent] = countRuns([1], 3, true)
    assert.deepEqual([fail(urgent, 2, 2).told, fail(urgent, 2, 3).told], [true, false])
  })
})

describe('what works again', () => {
  it('in a muted run is told by the next that is not, where people had heard of it', () => {
    const heard = countRuns([1], 1).at(-1)
    assert.equal(succeed(heard, 2, { isMuted: true }), heard)
    assert.deepEqual(recoveryBy(succeed(heard, 3), 3)?.ends, ['failure'])
    assert.equal(succeed(countRuns([1], 2).at(-1), 2, { isMuted: true })?.runs, 0)
  })
  it('is told with how long it was out, where people had heard of it', () => {
    const count = succeed(countRuns([1, 2, 3], 2).at(-1), 4)
    assert.deepEqual(recoveryBy(count, 4), { since: at(1), runs: 3, ends: ['failure'] })
  })
  it('is told by the run that mended it alone, and that one gives the same answer again', () => {
    const count = succeed(countRuns([1], 1).at(-1), 2)
    assert.deepEqual(recoveryBy(succeed(count, 2), 2), { since: at(1), runs: 1, ends: ['failure'] })
    assert.equal(recoveryBy(succeed(count, 3), 3), undefined)
  })
  it('is not told where nobody had heard of it', () => {
    assert.equal(recoveryBy(succeed(countRuns([1, 2], 3).at(-1), 3), 3), undefined)
    const muted = fail(undefined, 1, 1, false, { isMuted: true })
    assert.equal(recoveryBy(succeed(muted, 2), 2), undefined)
  })
  it('says what people were told of: failures, logins that were needed, tokens about to end', () => {
    const [urgent, both] = [countRuns([1], 2, true).at(-1), fail(countRuns([1], 2, true).at(-1), 2, 2)]
    const endsOf = (count: FailureCount | undefined, isWarned = false) =>
      recoveryBy(succeed(count, 3, { isWarned }), 3)?.ends
    assert.deepEqual(endsOf(urgent), ['authentication'])
    assert.deepEqual(endsOf(both), ['authentication', 'failure'])
    assert.deepEqual(endsOf(urgent, true), ['authentication', 'expiring'])
    // As a notifier of an older version has left it.
    assert.deepEqual(endsOf(both && { ...both, heardAs: [] }), ['failure'])
  })
  it('is counted anew when it fails again', () => {
    const again = fail(succeed(countRuns([1, 2, 3], 2).at(-1), 4), 5, 2)
    assert.deepEqual([again.since, again.runs, again.told, again.heard], [at(5), 1, false, false])
    assert.deepEqual(again.heardAs, [])
  })
  it('does not work because an older run did', () => {
    const [, last] = countRuns([3, 5], 1)
    assert.equal(succeed(last, 4), last)
  })
  it('leaves nothing behind where nothing had failed', () => {
    assert.equal(succeed(undefined, 1), undefined)
  })
})

describe('the count and a plain model', () => {
  interface Event {
    readonly number: number
    readonly works: boolean
  }
  const event = fc.record({ number: fc.integer({ min: 1, max: 25 }), works: fc.boolean() })
  /** Looks at all events that count from the start each time: those of each new highest run, and a success after a failure of the same. */
  function modelOf(events: readonly Event[], consecutive: number) {
    const counted: Event[] = []
    for (const one of events) {
      const last = counted.at(-1)
      const isNewer = !last || one.number > last.number
      const mends = one.works && last?.number === one.number && !last.works
      // Nothing is kept of what works before anything has failed, nor of one success after another.
      const isKept = one.works ? last && !last.works && (isNewer || mends) : isNewer
      if (isKept) counted.push(one)
    }
    const lastGood = counted.findLastIndex(({ works }) => works)
    const inRow = counted.slice(lastGood + 1)
    const before = counted.slice(0, Math.max(0, lastGood))
    const beforeInRow = before.slice(before.findLastIndex(({ works }) => works) + 1)
    const heard = (failed: readonly Event[]) => failed.length >= consecutive
    return {
      runs: inRow.length,
      count: inRow.length % consecutive,
      since: inRow[0]?.number ?? counted[lastGood]?.number,
      told: inRow.length > 0 && inRow.length % consecutive === 0,
      heard: heard(inRow),
      recovered: inRow.length === 0 && heard(beforeInRow) && beforeInRow[0],
    }
  }

  it('agree on any sequence of successes, failures, duplicates and late events', () => {
    fc.assert(
      fc.property(fc.array(event), fc.integer({ min: 1, max: 4 }), (events, consecutive) => {
        let count: FailureCount | undefined
        for (const { number, works } of events)
          count = works ? succeed(count, number) : fail(count, number, consecutive)
        const model = modelOf(events, consecutive)
        if (!count) return assert.equal(model.since, undefined)
        const { runs, since, told, heard } = count
        assert.deepEqual(
          { runs, count: count.count, since, told, heard },
          {
            ...{ runs: model.runs, count: model.count, told: model.told, heard: model.heard },
            since: at(model.since ?? 0),
          },
        )
        assert.equal(count.recovered?.since, model.recovered ? at(model.recovered.number) : undefined)
      }),
      { numRuns: 500 },
    )
  })
})
