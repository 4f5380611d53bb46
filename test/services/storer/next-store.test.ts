/** The order of stores: what a credd needs soonest, experiments in turn, and nobody held up by a credd that is silent. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { chooseStore } from '../../../services/storer/next-store.ts'
import type { StoreItem, StoreWork } from '../../../shared/contracts/messages.ts'
import { at, runIds } from '../build.ts'

function item(experiment: string, credd: string, more: Partial<StoreItem> = {}): StoreItem {
  const entry = `${experiment}_production`
  const names = { experiment, entry, service: entry, credd, run: runIds[0] }
  return { ...names, ...more } as StoreItem
}

interface Case {
  readonly waiting: readonly StoreItem[]
  readonly working?: readonly StoreItem[]
  readonly turns?: Readonly<Record<string, number>>
  readonly troubled?: readonly string[]
  readonly expected: StoreItem | undefined
}

/** `shared1` and `shared2` have one account. */
const accountOf = ({ experiment }: StoreWork) => experiment.replace(/\d$/, '')

const day = 24 * 60
const soon = item('soon', 'c1', { storedUntil: at(day) })
const late = item('late', 'c1', { storedUntil: at(9 * day) })
const never = item('never', 'c1')
const newer = item('dune', 'c1', { run: runIds[1] })
const older = item('dune', 'c1')

const table: Record<string, Case> = {
  'the only one': { waiting: [soon], expected: soon },
  'nothing while nobody waits': { waiting: [], expected: undefined },
  'what expires soonest': { waiting: [late, soon], expected: soon },
  'what was never stored before all that was': { waiting: [soon, never, late], expected: never },
  'of equals, the one that came first': {
    waiting: [item('a', 'c1'), item('b', 'c1')],
    expected: item('a', 'c1'),
  },
  'of equals, the experiment whose last turn is longest ago': {
    waiting: [item('a', 'c1'), item('b', 'c1'), item('c', 'c1')],
    turns: { a: 7, b: 3, c: 5 },
    expected: item('b', 'c1'),
  },
  'of expiries within an hour, by turns': {
    waiting: [item('a', 'c1', { storedUntil: at(1) }), item('b', 'c1', { storedUntil: at(59) })],
    turns: { a: 1 },
    expected: item('b', 'c1', { storedUntil: at(59) }),
  },
  'what expires soonest whoever’s turn it is': { waiting: [late, soon], turns: { soon: 9 }, expected: soon },
  'another credd’s before a silent one’s': {
    waiting: [never, item('x', 'c2', { storedUntil: at(99 * day) })],
    troubled: ['c1'],
    expected: item('x', 'c2', { storedUntil: at(99 * day) }),
  },
  'a silent credd’s when nothing else waits': { waiting: [soon], troubled: ['c1'], expected: soon },
  'nothing more of a silent credd while one of it is at work': {
    waiting: [soon],
    working: [late],
    troubled: ['c1'],
    expected: undefined,
  },
  'no second one of a service at once, under whatever entry and for whatever credd': {
    waiting: [item('dune-2', 'c2', { service: 'dune_production' })],
    working: [item('dune', 'c1')],
    expected: undefined,
  },
  'no second one of an account in one credd at once': {
    waiting: [item('shared2', 'c1')],
    working: [item('shared1', 'c1')],
    expected: undefined,
  },
  'the same account for another credd meanwhile': {
    waiting: [item('shared2', 'c2')],
    working: [item('shared1', 'c1')],
    expected: item('shared2', 'c2'),
  },
  'the newer run of one target, which makes the older one needless': {
    waiting: [older, newer],
    expected: newer,
  },
  'the newer run, in whatever order they came': { waiting: [newer, older], expected: newer },
}

describe('choosing the next store', () => {
  for (const [what, { waiting, working = [], turns = {}, troubled = [], expected }] of Object.entries(table))
    it(`takes ${what}`, () =>
      assert.deepEqual(
        chooseStore(waiting, working, {
          isTroubled: (credd) => troubled.includes(credd),
          accountOf,
          turns: new Map(Object.entries(turns)),
        }),
        expected,
      ))

  it('gives ten experiments with a hundred items each the same share', () => {
    const turns = new Map<string, number>()
    const waiting: StoreWork[] = Array.from({ length: 1_000 }, (_, index) =>
      item(`e${'abcdefghij'[Math.floor(index / 100)]}`, `c${index % 100}`),
    )
    const served: Record<string, number> = {}
    for (let turn = 1; turn <= 100; turn++) {
      const next = chooseStore(waiting, [], { isTroubled: () => false, accountOf, turns })
      assert.ok(next)
      turns.set(next.experiment, turn)
      waiting.splice(waiting.indexOf(next), 1)
      served[next.experiment] = (served[next.experiment] ?? 0) + 1
    }
    assert.deepEqual([...new Set(Object.values(served))], [10])
  })
})
