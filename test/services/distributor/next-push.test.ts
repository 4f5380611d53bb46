import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { choosePush, type NextPushRules } from '../../../services/distributor/next-push.ts'
import type { PushItem, PushWork } from '../../../shared/contracts/messages.ts'
import { at, readyOf } from '../build.ts'

const push = (entry: string, node: string, minutes = 0) =>
  ({ ...readyOf({ expiry: at(minutes) }), entry, node }) as PushItem
/** `a1` and `a2` push as account `a`. */
const rules = (perNode: number, more: Partial<NextPushRules> = {}): NextPushRules => ({
  ...{ most: 100, mostAt: () => perNode, accountOf: (entry) => entry[0] },
  ...{ isProven: () => true, triedAt: () => undefined, ...more },
})

describe('which push may start next', () => {
  it('is the one whose token ends soonest', () => {
    const waiting = [push('a1', 'n1', 9), push('b1', 'n2', 3), push('c1', 'n3', 5)]
    assert.equal(choosePush(waiting, [], rules(4))?.entry, 'b1')
  })
  it('is one for a node with less at work, though another token ends sooner', () => {
    const waiting = [push('b1', 'n1', 1), push('c1', 'n2', 9)]
    assert.equal(choosePush(waiting, [push('a1', 'n1')], rules(4))?.node, 'n2')
  })
  it('is none for a node with its bound at work', () => {
    assert.equal(choosePush([push('b1', 'n1')], [push('a1', 'n1')], rules(1)), undefined)
  })
  it('goes by what the node takes at the moment', () => {
    const mostAt = ({ node }: PushWork) => (node === 'n1' ? 1 : 4)
    const waiting = [push('b1', 'n1', 1), push('c1', 'n2', 9)]
    const working = [push('a1', 'n1'), push('a1', 'n2'), push('d1', 'n2')]
    assert.equal(choosePush(waiting, working, rules(4, { mostAt }))?.node, 'n2')
  })
  it('is none for an account that is at work on that node: two would write the same file', () => {
    assert.equal(choosePush([push('a2', 'n1')], [push('a1', 'n1')], rules(4)), undefined)
    assert.equal(choosePush([push('a2', 'n2')], [push('a1', 'n1')], rules(4))?.node, 'n2')
  })
  it('is one that was never tried, though another token ends sooner and that node has less at work', () => {
    const waiting = [push('b1', 'n1', 1), push('c1', 'n2', 9)]
    const triedAt = ({ node }: PushWork) => (node === 'n1' ? 7 : undefined)
    assert.equal(choosePush(waiting, [push('d1', 'n2')], rules(4, { triedAt }))?.entry, 'c1')
  })
  it('is, of those that were tried, the one tried longest ago: no account keeps the others from trying', () => {
    const waiting = [push('a1', 'n1', 1), push('b1', 'n1', 5), push('c1', 'n1', 9)]
    const triedAt = ({ entry }: PushWork) => ({ a1: 30, b1: 10, c1: 20 })[entry]
    assert.equal(choosePush(waiting, [], rules(4, { triedAt }))?.entry, 'b1')
  })
  it('is not held up by pushes that may only wait for their nodes, nor those by it', () => {
    const isProven = ({ node }: PushWork) => node.startsWith('up')
    const some = rules(4, { most: 2, isProven })
    const away = [push('a1', 'away1'), push('b1', 'away2')]
    const busy = [push('c1', 'up1'), push('d1', 'up2')]
    const waiting = [push('e1', 'up3', 9), push('f1', 'away3', 1)]
    assert.equal(choosePush(waiting, away, some)?.entry, 'e1')
    assert.equal(choosePush(waiting, busy, some)?.entry, 'f1')
    assert.equal(choosePush(waiting, [...away, ...busy], some), undefined)
  })
  it('is what takes a token away, before all that brings one', () => {
    const { expiry: _, mode: __, ...removal } = { ...push('z1', 'n1'), action: 'remove' as const }
    const waiting = [push('a1', 'n2', 1), removal, push('b1', 'n3', 2)]
    assert.equal(choosePush(waiting, [push('c1', 'n1')], rules(4))?.entry, 'z1')
  })
  it('is none when nothing waits', () => assert.equal(choosePush([], [], rules(4)), undefined))

  const item = fc.record({
    entry: fc.constantFrom('a1', 'a2', 'b1', 'c1', 'd1'),
    node: fc.constantFrom('n1', 'n2', 'n3'),
    minutes: fc.integer({ min: 0, max: 30 }),
  })
  const items = (maxLength: number) =>
    fc
      .array(item, { maxLength })
      .map((all) => all.map(({ entry, node, minutes }) => push(entry, node, minutes)))

  it('obeys a plain model of the rules, whatever waits and works', () => {
    fc.assert(
      fc.property(items(12), items(6), fc.integer({ min: 1, max: 3 }), (waiting, working, perNode) => {
        const load = (node: string) => working.filter((one) => one.node === node).length
        const allowed = waiting.filter(
          ({ entry, node }) =>
            load(node) < perNode && !working.some((one) => one.node === node && one.entry[0] === entry[0]),
        )
        const [best] = allowed.toSorted(
          (x, y) => load(x.node) - load(y.node) || (x.expiry < y.expiry ? -1 : x.expiry > y.expiry ? 1 : 0),
        )
        assert.deepEqual(choosePush(waiting, working, rules(perNode)), best)
      }),
      { numRuns: 2_000 },
    )
  })

  it('starves nobody: with any mix, everything has been pushed in the end', () => {
    fc.assert(
      fc.property(
        items(30),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 5 }),
        (all, perNode, most) => {
          const waiting: PushWork[] = [...all]
          const working: PushWork[] = []
          for (let ended = 0; ended < all.length; ended += 1) {
            for (;;) {
              const next = working.length < most ? choosePush(waiting, working, rules(perNode)) : undefined
              if (!next) break
              waiting.splice(waiting.indexOf(next), 1)
              working.push(next)
            }
            assert.ok(working.shift(), 'something can always start when nothing is at work')
          }
          assert.equal(waiting.length + working.length, 0)
        },
      ),
    )
  })
})
