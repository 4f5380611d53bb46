import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  applyEvent,
  endWaiting,
  hasEnded,
  type LedgerRow,
  type RowEvent,
  rowsOf,
  supersededBy,
  totalsOf,
} from '../../../../services/notifier/ledger/ledger.ts'
import { thingsOf } from '../../../../services/notifier/news/run-news.ts'
import { at, dune, ofRun, runIds } from '../../build.ts'
import { brief, failed, pushed, ready, settled, startedRow, stored } from '../events.ts'

const after = (...events: RowEvent[]) => events.reduce(applyEvent, startedRow())

describe('a row of the ledger', () => {
  const started = (push: boolean) =>
    rowsOf({
      ...ofRun(),
      deadline: at(5),
      configHash: 'x',
      trigger: 'request',
      mode: { push, notify: true },
      entries: [{ ...dune, nodes: ['n1', 'n2'] }],
    })
  it('starts with every node waiting', () => assert.deepEqual(started(true), [startedRow()]))
  it('starts without nodes in test mode', () => assert.deepEqual(started(false)[0]?.targets, []))

  const table: Record<string, [RowEvent[], string]> = {
    'gets its credds with the token': [
      [ready(1, ['c1', 'c2'])],
      'refresh=done n1=waiting n2=waiting c1=waiting c2=waiting',
    ],
    'has its targets done one by one': [
      [ready(1), pushed(2), stored(3)],
      'refresh=done n1=done n2=waiting c1=done',
    ],
    'keeps its targets in their places': [
      [ready(1), stored(2), pushed(3, 'n2'), pushed(4, 'n1')],
      'refresh=done n1=done n2=done c1=done',
    ],
    'ends every target when the refresh failed': [
      [failed(1, 'refresh')],
      'refresh=failed n1=failed n2=failed',
    ],
    'names the credds that get nothing': [
      [failed(1, 'refresh', undefined, { credds: ['c1'] })],
      'refresh=failed n1=failed n2=failed c1=failed',
    ],
    'opens its targets again when the token comes after all': [
      [failed(1, 'refresh'), ready(2)],
      'refresh=done n1=waiting n2=waiting c1=waiting',
    ],
    'keeps a credd’s own result that the late token does not name': [
      [stored(1, 'c7'), failed(1, 'store', 'c8'), failed(2, 'refresh'), ready(3)],
      'refresh=done n1=waiting n2=waiting c7=done c8=failed c1=waiting',
    ],
    'forgets credds that the late token does not name': [
      [failed(1, 'refresh', undefined, { credds: ['c1', 'c9'] }), ready(2)],
      'refresh=done n1=waiting n2=waiting c1=waiting',
    ],
    'overwrites a failure by a late success': [
      [ready(1), failed(2, 'push', 'n1'), pushed(3)],
      'refresh=done n1=done n2=waiting c1=waiting',
    ],
    'never loses what is done': [
      [
        ready(1),
        pushed(2),
        stored(2),
        failed(3, 'push', 'n1'),
        failed(3, 'store', 'c1'),
        failed(4, 'refresh'),
      ],
      'refresh=done n1=done n2=waiting c1=done',
    ],
    'keeps a target’s own failure when the token is late': [
      [failed(1, 'push', 'n1'), failed(2, 'refresh'), ready(3)],
      'refresh=done n1=failed n2=waiting c1=waiting',
    ],
    'takes in a target nobody spoke of': [
      [stored(1, 'c7'), pushed(1, 'n7')],
      'refresh=waiting n1=waiting n2=waiting c7=done n7=done',
    ],
    'passes over a failed target without a name': [
      [failed(1, 'push')],
      'refresh=waiting n1=waiting n2=waiting',
    ],
  }
  for (const [what, [events, expected]] of Object.entries(table)) {
    it(what, () => assert.equal(brief(after(...events)), expected))
    it(`${what}, and the same when everything is told twice`, () => {
      assert.deepEqual(after(...events, ...events), after(...events))
    })
  }

  it('tells a credd from a node of the same name', () => {
    assert.equal(
      brief(after(ready(1, ['n1']), stored(2, 'n1'))),
      'refresh=done n1=waiting n2=waiting n1=done',
    )
  })
  it('says of two failures the later one', () => {
    const [early, late] = [failed(2, 'push', 'n1'), failed(3, 'push', 'n1')]
    for (const events of [
      [early, late],
      [late, early],
    ])
      assert.equal(after(...events).targets[0]?.message, 'failed at 3')
  })
  it('has forgotten the failure once the target is done', () => {
    const target = after(failed(1, 'push', 'n1'), pushed(2)).targets[0]
    assert.deepEqual(Object.keys(target ?? {}).sort(), ['at', 'expiry', 'kind', 'name', 'state', 'tokenId'])
  })

  describe('of a token that the credd has and no credential monitor has looked at', () => {
    const body = { ...stored(20).body, waitingSince: at(1) }
    const row = after(ready(10), { kind: 'stored', body } as RowEvent)
    it('says that it is done, and why it is no good', () => {
      const { state, code } = row.targets.find(({ kind }) => kind === 'credd') ?? {}
      assert.deepEqual([state, code], ['done', 'credmon-silent'])
    })
    it('counts it as a failure for people, and no longer once it was looked at', () => {
      const stateOf = (one: LedgerRow) => thingsOf(one).find(({ kind }) => kind === 'credd')?.state
      assert.deepEqual([stateOf(row), stateOf(after(ready(10), stored(20)))], ['failed', 'done'])
    })
  })

  /** Every event an entry can have in a run, each at a time of its own; failed ones twice, as retries report them. */
  const all = [
    ready(10, ['c1', 'c2']),
    failed(1, 'refresh', undefined, { credds: ['c1'] }),
    failed(2, 'refresh'),
    stored(20, 'c1'),
    failed(21, 'store', 'c1'),
    failed(22, 'store', 'c2'),
    failed(23, 'store', 'c2'),
    pushed(30, 'n1'),
    failed(31, 'push', 'n1'),
    failed(32, 'push', 'n2'),
    failed(33, 'push', 'n2'),
  ]
  const some = fc.subarray(all)
  it('ends the same, in whatever order and however often its events come', () => {
    const shuffles = some.chain((events) =>
      fc.record({
        events: fc.constant(events),
        order: fc.shuffledSubarray([...events, ...events], { minLength: events.length * 2 }),
      }),
    )
    fc.assert(
      fc.property(shuffles, ({ events, order }) => {
        assert.deepEqual(settled(after(...order)), settled(after(...events)))
      }),
      { numRuns: 1_000 },
    )
  })
  it('never loses what is done, whatever comes before and after', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(all), fc.shuffledSubarray(all), (before, later) => {
        const { targets } = after(...before, pushed(30, 'n1'), stored(20, 'c1'), ...later)
        const done = targets.filter(({ state }) => state === 'done').map(({ name }) => name)
        assert.ok(done.includes('n1') && done.includes('c1'))
      }),
    )
  })
})

describe('the end of a row', () => {
  const table: Record<string, [LedgerRow, boolean]> = {
    'has not come while the token is made': [startedRow(), false],
    'has not come while the token is made that nobody gets': [{ ...startedRow(), targets: [] }, false],
    'has not come while a target waits': [after(ready(1), stored(2), pushed(2)), false],
    'comes with the last target': [after(ready(1), stored(2), pushed(2), failed(3, 'push', 'n2')), true],
    'comes at once with a failed refresh': [after(failed(1, 'refresh')), true],
    'comes with the token when there is no target': [
      applyEvent({ ...startedRow(), targets: [] }, ready(1, [])),
      true,
    ],
    'comes at the deadline': [endWaiting(after(ready(1)), 'unfinished', at(5)), true],
    'is taken back when a late token opens the targets again': [after(failed(1, 'refresh'), ready(2)), false],
  }
  for (const [what, [row, expected]] of Object.entries(table))
    it(what, () => assert.equal(hasEnded(row), expected))

  it('at the deadline leaves what had ended before, and changes nothing where nothing waits', () => {
    const row = after(ready(1), pushed(2), failed(3, 'push', 'n2'))
    const ended = endWaiting(row, 'unfinished', at(5))
    assert.equal(brief(ended), 'refresh=done n1=done n2=failed c1=unfinished')
    assert.equal(endWaiting(ended, 'unfinished', at(6)), ended)
  })
  it('at the deadline is overwritten by a late result', () => {
    const ended = endWaiting(after(ready(1)), 'unfinished', at(5))
    assert.equal(brief(applyEvent(ended, pushed(6))), 'refresh=done n1=done n2=unfinished c1=unfinished')
  })
})

describe('what an older run loses to a newer one', () => {
  const newer = runIds[1]
  const table: Record<string, [LedgerRow, RowEvent, string]> = {
    'everything that waits, when the newer has the entry’s token first': [
      startedRow(),
      ready(9, [], newer),
      'refresh=superseded n1=superseded n2=superseded',
    ],
    'everything that waits, when the newer failed to make one': [
      startedRow(),
      failed(9, 'refresh', undefined, { run: newer }),
      'refresh=superseded n1=superseded n2=superseded',
    ],
    'nothing yet, when it has a token of its own': [
      after(ready(1)),
      ready(9, ['c1'], newer),
      'refresh=done n1=waiting n2=waiting c1=waiting',
    ],
    'the node that the newer pushed to': [
      after(ready(1)),
      pushed(9, 'n1', newer),
      'refresh=done n1=superseded n2=waiting c1=waiting',
    ],
    'the credd that the newer stored in': [
      after(ready(1)),
      stored(9, 'c1', newer),
      'refresh=done n1=waiting n2=waiting c1=superseded',
    ],
    'the node, and not the credd of its name': [
      after(ready(1, ['n1'])),
      pushed(9, 'n1', newer),
      'refresh=done n1=superseded n2=waiting n1=waiting',
    ],
    'the node that the newer failed at': [
      after(ready(1)),
      failed(9, 'push', 'n2', { run: newer }),
      'refresh=done n1=waiting n2=superseded c1=waiting',
    ],
    'nothing that had ended': [
      after(ready(1), pushed(2), failed(2, 'push', 'n2'), stored(3)),
      pushed(9, 'n2', newer),
      'refresh=done n1=done n2=failed c1=done',
    ],
  }
  for (const [what, [row, event, expected]] of Object.entries(table))
    it(what, () => assert.equal(brief(supersededBy(row, event, at(9))), expected))
})

describe('the totals of a run', () => {
  it('count targets by how they ended; waiting ones are in none', () => {
    const rows = [
      after(ready(1), pushed(2), failed(3, 'push', 'n2')),
      endWaiting(startedRow(), 'unfinished', at(5)),
    ]
    assert.deepEqual(totalsOf(rows), { done: 1, failed: 1, superseded: 0, unfinished: 2 })
  })
  it('count an entry without targets as one', () => {
    assert.deepEqual(totalsOf([applyEvent({ ...startedRow(), targets: [] }, ready(1, []))]), {
      ...{ done: 1, failed: 0, superseded: 0, unfinished: 0 },
    })
  })
  it('count an entry that lacks a bearer token as failed, and its credds by themselves', () => {
    const lacking = { code: 'bearer-refused', message: 'The issuer refused it.', action: 'Ask it.' } as const
    const token = ready(1, ['c1']) as Extract<RowEvent, { kind: 'ready' }>
    const lost: RowEvent = { ...token, body: { ...token.body, lacking } }
    const row = applyEvent({ ...startedRow(), targets: [] }, lost)
    assert.deepEqual([row.refresh.state, row.refresh.code], ['failed', 'bearer-refused'])
    assert.equal(hasEnded(row), false, 'the credd waits')
    const ended = applyEvent(row, stored(2))
    assert.deepEqual(totalsOf([ended]), { done: 1, failed: 1, superseded: 0, unfinished: 0 })
    assert.deepEqual(applyEvent(ended, failed(3, 'refresh')), ended, 'what failed on the way there is over')
  })
})
