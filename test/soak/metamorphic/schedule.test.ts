/** A seed stands for one schedule, for ever: whatever failed can be made again. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { choicesOf, kinds } from './kinds.ts'
import { desiredAtTheEnd, isFault } from './model.ts'
import { planSoak, prefixOf, sayStep } from './schedule.ts'
import { readSeeds } from './seeds.ts'

const seed = fc.nat(1_000_000)
const seconds = fc.integer({ min: 5, max: 600 })
const plans = fc.tuple(seed, seconds).map(([one, long]) => planSoak(one, long))

describe('the schedule of a soak', () => {
  it('is a function of seed and length', () =>
    fc.assert(
      fc.property(seed, seconds, (one, long) => assert.deepEqual(planSoak(one, long), planSoak(one, long))),
    ))

  it('is another one for another seed', () => {
    const all = new Set(
      Array.from({ length: 200 }, (_, one) => JSON.stringify({ ...planSoak(one, 40), seed: 0 })),
    )
    assert.equal(all.size, 200)
  })

  it('comes in order, within its time, with a run at its beginning, and is about what the site has', () =>
    fc.assert(
      fc.property(plans, ({ steps, seconds: long }) => {
        assert.ok(steps.some((step) => step.what === 'run' && step.at === 0))
        for (const [index, step] of steps.entries()) {
          assert.ok(step.at >= (steps[index - 1]?.at ?? 0) && step.at <= long * 1_000)
          if (!isFault(step)) continue
          const kind = kinds[step.kind]
          assert.ok(kind && choicesOf(kind).includes(step.on), sayStep(step))
          assert.equal(step.forMs === 0, kind.lasts === undefined)
        }
      }),
    ))

  it('never lets two faults undo each other', () =>
    fc.assert(
      fc.property(plans, ({ steps }) => {
        const faults = steps.filter(isFault)
        for (const [index, one] of faults.entries())
          for (const other of faults.slice(index + 1))
            if (one.kind === other.kind && one.on === other.on)
              assert.ok(
                one.forMs !== null && other.at >= one.at + one.forMs,
                `${sayStep(one)}, ${sayStep(other)}`,
              )
      }),
    ))

  it('has every kind of fault in it, for some seed, and one fault every few seconds', () => {
    const all = Array.from({ length: 400 }, (_, one) => planSoak(one, 40)).flatMap(({ steps }) =>
      steps.filter(isFault),
    )
    assert.deepEqual(new Set(all.map(({ kind }) => kind)), new Set(Object.keys(kinds)))
    const each = all.length / 400
    assert.ok(each > 10 && each < 20, `${each} faults in 40 s`)
  })

  it('begins with each of its prefixes', () =>
    fc.assert(
      fc.property(plans, fc.nat(30), (plan, length) => {
        const { steps } = prefixOf(plan, length)
        assert.deepEqual(steps, plan.steps.slice(0, steps.length))
        assert.equal(steps.length, Math.min(length, plan.steps.length))
      }),
    ))

  it('says who has to have tokens in the end', () => {
    const about = { what: 'fault', at: 0, dice: 0 } as const
    const steps = [
      { ...about, kind: 'service revoked', on: 'nova_analysis', forMs: null },
      { ...about, kind: 'entry removed', on: 'mu2e_production', forMs: 3_000 },
    ]
    assert.deepEqual(desiredAtTheEnd({ steps }), {
      wanted: ['dune_production', 'dune-2_production', 'mu2e_production'],
      revoked: ['nova_analysis'],
      removed: [],
    })
  })
})

describe('the seeds of a call', () => {
  it('are one, or all from one to another', () => {
    assert.deepEqual(readSeeds('7'), [7])
    assert.deepEqual(readSeeds('7-9'), [7, 8, 9])
  })

  for (const text of ['', 'x', '9-7', '1-', '-1', '1.5', '1,2'])
    it(`are not "${text}"`, () => assert.throws(() => readSeeds(text), /names no seeds/))
})
