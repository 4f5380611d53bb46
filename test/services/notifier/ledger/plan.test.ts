/** What the ledger makes of a run's plan, also one in parts and one that takes tokens away, and what it keeps of each result. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  applyEvent,
  beforeAllRuns,
  endAsIn,
  endWaiting,
  type LedgerRow,
  ledgerRow,
  ledgerRun,
  type RowEvent,
  rowsOf,
  runOf,
  supersededBy,
  targetOf,
  withPart,
} from '../../../../services/notifier/ledger/ledger.ts'
import type { RunStarted, TokenRemoved } from '../../../../shared/contracts/messages.ts'
import { at, dune, ofRun, runIds } from '../../build.ts'
import { brief, failed, pushed, ready, startedRow, stored } from '../events.ts'

const started = (more: Partial<RunStarted> = {}): RunStarted => ({
  ...ofRun(),
  ...{ deadline: at(5), configHash: 'x', trigger: 'schedule', mode: { push: true, notify: true } },
  entries: [{ ...dune, nodes: ['n1', 'n2'] }],
  ...more,
})
const part = (number: number, of: number, entry: string) =>
  started({ part: { number, of, plan: 'p' }, entries: [{ ...dune, entry, nodes: [] }] })

describe('a run as its plan tells it', () => {
  const whole = {
    ...{ run: runIds[0], started: at(0), deadline: at(5), mode: { push: true, notify: true } },
    ...{ trigger: 'schedule', entries: [dune.entry] },
  }
  it('is whole where its plan is', () => assert.deepEqual(runOf(started()), whole))
  it('names who asked for it, and what it takes away', () => {
    const by = { user: 'operator', host: 'h', person: 'p' }
    const revocation = { reason: 'lost' } as NonNullable<RunStarted['revocation']>
    const run = runOf(started({ by, revocation }))
    assert.deepEqual(run, { ...whole, by, revocation })
    assert.deepEqual(ledgerRun.parse(run), run)
  })
  it('lacks the parts that were not heard yet, in whatever order they come', () => {
    const parts = [1, 2, 3].map((number) => runOf(part(number, 3, `e${number}`)))
    const [first, second, third] = parts as [(typeof parts)[0], (typeof parts)[0], (typeof parts)[0]]
    assert.deepEqual(first.missing, [2, 3])
    const two = withPart(first, third)
    assert.deepEqual([two.missing, two.entries], [[2], ['e1', 'e3']])
    assert.equal(withPart(two, third), two, 'nothing new')
    const all = withPart(two, second)
    assert.deepEqual([all.missing, all.entries], [undefined, ['e1', 'e3', 'e2']])
    assert.ok(!('missing' in all))
    assert.equal(withPart(undefined, first), first)
    assert.equal(withPart(all, first), all)
    assert.equal(withPart(withPart(first, third), runOf(started())).missing, undefined, 'all of it at once')
  })
  it('comes after what is in the place of an id where there is no run', () => {
    assert.ok(beforeAllRuns < runIds[0])
    assert.equal(beforeAllRuns.length, 26)
  })
})

describe('a run that takes away', () => {
  const removal = (push = true) =>
    rowsOf(
      started({
        ...{ mode: { push, notify: true }, revocation: { reason: 'lost' } as never },
        entries: [{ ...dune, nodes: ['n1'], credds: ['c1'] }],
      }),
    )[0] ?? assert.fail()
  const removed = (
    stage: TokenRemoved['stage'],
    target?: string,
    more: Partial<TokenRemoved> = {},
  ): RowEvent => ({
    kind: 'removed',
    body: { ...ofRun(runIds[0], 3), ...dune, stage, ...(target && { target }), outcome: 'removed', ...more },
  })

  it('waits for nodes and credds from its start', () => {
    assert.equal(brief(removal()), 'refresh=waiting n1=waiting c1=waiting')
    assert.deepEqual([removal().removes, removal().targets[1]?.kind], [true, 'credd'])
    assert.deepEqual(ledgerRow.parse(removal()), removal())
    const [row] = rowsOf(started({ entries: [{ ...dune, nodes: ['n1'], credds: ['c1'] }] }))
    assert.deepEqual([row && brief(row), row?.removes], ['refresh=waiting n1=waiting', undefined])
  })
  it('has done what was removed, each where it was, with what is left to know', () => {
    const events = [
      removed('refresh', undefined, { warning: 'w' }),
      removed('store', 'c1', { outcome: 'absent', until: at(9) }),
      removed('push', 'n1', { outcome: 'left' }),
      removed('push'),
    ]
    const { refresh, targets } = events.reduce(applyEvent, removal())
    assert.deepEqual(refresh, { state: 'done', at: at(3), outcome: 'removed', warning: 'w' })
    assert.deepEqual(targets, [
      { kind: 'node', name: 'n1', state: 'done', at: at(3), outcome: 'left' },
      { kind: 'credd', name: 'c1', state: 'done', at: at(3), outcome: 'absent', until: at(9) },
    ])
  })
  it('goes on elsewhere when Vault has failed it', () => {
    assert.equal(brief(applyEvent(removal(), failed(2, 'refresh'))), 'refresh=failed n1=waiting c1=waiting')
  })
  it('ends all that waits of an older run when the token is gone, else the target alone', () => {
    const older = applyEvent(startedRow(), ready(1))
    assert.equal(
      brief(supersededBy(older, removed('refresh'), at(4))),
      'refresh=done n1=superseded n2=superseded c1=superseded',
    )
    assert.equal(
      brief(supersededBy(older, removed('push', 'n1'), at(4))),
      'refresh=done n1=superseded n2=waiting c1=waiting',
    )
    assert.equal(
      brief(supersededBy(older, removed('store', 'c1'), at(4))),
      'refresh=done n1=waiting n2=waiting c1=superseded',
    )
  })
})

describe('what is kept of a result', () => {
  const after = (...events: RowEvent[]) => events.reduce(applyEvent, startedRow())
  it('is when it came, what is there now, and until when', () => {
    const { refresh, targets } = after(ready(1), stored(2), pushed(3))
    const { body } = ready(1) as Extract<RowEvent, { kind: 'ready' }>
    const { expiry, reused, tokenId } = body
    assert.deepEqual(refresh, { state: 'done', at: at(1), expiry, reused, tokenId })
    assert.deepEqual(targets, [
      { kind: 'node', name: 'n1', state: 'done', at: at(3), expiry: at(600), tokenId: 'id-1' },
      { kind: 'node', name: 'n2', state: 'waiting', at: at(0) },
      { kind: 'credd', name: 'c1', state: 'done', at: at(2) },
    ])
  })
  it('is what was amiss all the same', () => {
    const token = pushed(3) as Extract<RowEvent, { kind: 'pushed' }>
    const row = after({ ...token, body: { ...token.body, warning: 'no role file' } })
    assert.equal(row.targets[0]?.warning, 'no role file')
    const vault = stored(2) as Extract<RowEvent, { kind: 'stored' }>
    const silent = after({ ...vault, body: { ...vault.body, waitingSince: at(1) } }).targets.at(-1)
    const message = `c1 has the vault token of ${dune.service}, and no credential monitor has looked at it since ${at(1)}.`
    assert.deepEqual([silent?.code, silent?.message], ['credmon-silent', message])
    assert.ok(silent?.action)
  })
  it('is why it failed, and whose fault that was', () => {
    const why = { code: 'unexpected', message: 'failed at 2', action: 'do something' }
    const node = after(failed(2, 'push', 'n1', { causeName: 'far' })).targets[0]
    assert.deepEqual(node, { kind: 'node', name: 'n1', state: 'failed', at: at(2), ...why, causeName: 'far' })
    assert.deepEqual(after(failed(2, 'store', 'c1')).targets[2], {
      ...{ kind: 'credd', name: 'c1', state: 'failed', at: at(2), ...why },
    })
    const { refresh, targets } = after(failed(2, 'refresh', undefined, { credds: ['c1'] }))
    assert.deepEqual(refresh, { state: 'failed', at: at(2), ...why })
    assert.deepEqual(targets[2], {
      ...{ kind: 'credd', name: 'c1', state: 'failed', at: at(2), ...why, cause: 'refresh' },
    })
  })
  it('is of two refreshes that failed the later one, also where they come at once', () => {
    const events = [failed(3, 'refresh'), failed(2, 'refresh')]
    const row = after(...events)
    assert.deepEqual([row.refresh.message, row.targets[0]?.message], ['failed at 3', 'failed at 3'])
    const again = after(failed(3, 'refresh'), failed(3, 'refresh', undefined, { message: 'again' }))
    assert.equal(again.refresh.message, 'again')
    const node = after(failed(3, 'push', 'n1'), failed(3, 'push', 'n1', { message: 'again' }))
    assert.equal(node.targets[0]?.message, 'again')
  })
  it('is of a target’s own failure the later one, though its refresh had failed after that', () => {
    const row = after(failed(3, 'refresh'), failed(2, 'push', 'n1'))
    assert.equal(row.targets[0]?.message, 'failed at 2')
    assert.equal(row.targets[0]?.cause, undefined)
  })
  it('is since when a target waits again', () => {
    assert.deepEqual(after(failed(1, 'refresh'), ready(2)).targets[0], {
      ...{ kind: 'node', name: 'n1', state: 'waiting', at: at(2) },
    })
  })
  it('is what each event is about', () => {
    assert.deepEqual(
      [stored(1), pushed(1), failed(1, 'store', 'c1'), failed(1, 'push', 'n1'), failed(1, 'push')].map(
        targetOf,
      ),
      [
        { kind: 'credd', name: 'c1' },
        { kind: 'node', name: 'n1' },
        { kind: 'credd', name: 'c1' },
        { kind: 'node', name: 'n1' },
        { kind: 'node', name: '' },
      ],
    )
    assert.deepEqual([ready(1), failed(1, 'refresh')].map(targetOf), [undefined, undefined])
  })
})

describe('what waits at the deadline and has ended in another run', () => {
  const done = [ready(1), stored(2), pushed(3, 'n1'), failed(3, 'push', 'n2')].reduce(
    applyEvent,
    startedRow(),
  )
  const row = applyEvent(startedRow(), ready(1))
  const cases: Record<string, [LedgerRow, LedgerRow, since: string, string]> = {
    'was superseded there, done or failed, each target by itself': [
      ...([row, done, at(3)] as const),
      'refresh=done n1=superseded n2=superseded c1=waiting',
    ],
    'was not where it ended before': [row, done, at(4), 'refresh=done n1=waiting n2=waiting c1=waiting'],
    'was not where it has not ended': [
      ...([row, row, at(0)] as const),
      'refresh=done n1=waiting n2=waiting c1=waiting',
    ],
    'was not where it was ended without a result': [
      ...([row, endWaiting(row, 'unfinished', at(5)), at(0)] as const),
      'refresh=done n1=waiting n2=waiting c1=waiting',
    ],
    'was all of it where the token was made there': [
      ...([startedRow(), done, at(1)] as const),
      'refresh=superseded n1=superseded n2=superseded',
    ],
    'was none of it where the token was not': [
      ...([startedRow(), done, at(2)] as const),
      'refresh=waiting n1=waiting n2=waiting',
    ],
    'was not a node of the name of a credd': [
      applyEvent(startedRow(), ready(1, ['n1'])),
      ...([applyEvent(startedRow(), pushed(3, 'n1')), at(1)] as const),
      'refresh=done n1=superseded n2=waiting n1=waiting',
    ],
  }
  for (const [what, [one, other, since, expected]] of Object.entries(cases))
    it(what, () => assert.equal(brief(endAsIn(one, other, since, at(6))), expected))
  it('says when it ended', () => {
    const ended = endAsIn(row, done, at(3), at(6))
    assert.deepEqual([ended.targets[0]?.at, ended.targets[2]?.at], [at(6), at(1)])
    assert.deepEqual(endWaiting(startedRow(), 'unfinished', at(6)).refresh, {
      state: 'unfinished',
      at: at(6),
    })
  })
})

describe('a row and a run as they are kept', () => {
  const row: LedgerRow = {
    ...startedRow(),
    refresh: {
      ...{ state: 'done', at: at(0), code: 'c', message: 'm', action: 'a', causeName: 'n', expiry: at(9) },
      ...{ reused: true, tokenId: 't', outcome: 'absent', warning: 'w' },
    },
    targets: [
      {
        ...{ kind: 'credd', name: 'c1', state: 'failed', at: at(0), code: 'c', message: 'm', action: 'a' },
        ...{ causeName: 'n', expiry: at(9), warning: 'w', tokenId: 't', outcome: 'left', until: at(9) },
        cause: 'refresh',
      },
    ],
    removes: true,
  }
  it('come back as they were', () => assert.deepEqual(ledgerRow.parse(row), row))
  const target = row.targets[0]
  for (const [what, more] of Object.entries({
    'of no run': { run: 'x' },
    'of no entry': { entry: 1 },
    'of no service': { service: undefined },
    'with a refresh in no state': { refresh: { state: 'x', at: at(0) } },
    'with a refresh at no time': { refresh: { state: 'done', at: 'once' } },
    'with a target of no kind': { targets: [{ ...target, kind: 'x' }] },
    'with a target without a name': { targets: [{ ...target, name: undefined }] },
    'with a target in no state': { targets: [{ ...target, state: 'x' }] },
    'with a target at no time': { targets: [{ ...target, at: 'once' }] },
    'with a target for another cause': { targets: [{ ...target, cause: 'x' }] },
    'with a target of another outcome': { targets: [{ ...target, outcome: 'x' }] },
  }))
    it(`are nothing ${what}`, () => assert.equal(ledgerRow.safeParse({ ...row, ...more }).success, false))

  const run = {
    ...runOf(started()),
    ...{ missing: [2], by: { user: 'u', host: 'h', person: 'p' }, revocation: { reason: 'lost' } },
    ...{
      totals: { done: 1, failed: 0, superseded: 0, unfinished: 0 },
      traceId: 't',
      spanId: 's',
      finished: at(9),
    },
  }
  it('come back as they were, the run too', () => assert.deepEqual(ledgerRun.parse(run), run))
  for (const [what, more] of Object.entries({
    'without an id': { run: 'x' },
    'without a start': { started: undefined },
    'without a deadline': { deadline: 'once' },
    'without a mode': { mode: undefined },
    'without entries': { entries: [1] },
    'that lacks half a part': { missing: [0.5] },
    'that takes away for no reason': { revocation: {} },
    'that something else began': { trigger: 'x' },
    'with totals that are none': { totals: { done: 1 } },
    'that finished at no time': { finished: 'once' },
  }))
    it(`are nothing for a run ${what}`, () =>
      assert.equal(ledgerRun.safeParse({ ...run, ...more }).success, false))
})
