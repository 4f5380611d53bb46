/** The result of a run as people read it, letter by letter. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { renderRun } from '../../../cli/runs/run-table.ts'
import { viewOf } from '../../../cli/terminal/terminal.ts'
import type { RunStatus } from '../../../services/notifier/ledger/answer-status.ts'
import type { LedgerRow } from '../../../services/notifier/ledger/ledger.ts'

const run = '01JD0000000000000000000000'
const started = '2026-03-01T12:00:00.000Z'
const at = (seconds: number) => new Date(Date.parse(started) + seconds * 1_000).toISOString()
const plain = viewOf({ isTTY: false })

const dune: LedgerRow = {
  run,
  entry: 'dune_production',
  service: 'dune_production',
  refresh: { state: 'done', at: at(1.25) },
  targets: [
    { kind: 'node', name: 'node1.test', state: 'done', at: at(2) },
    {
      kind: 'node',
      name: 'node2.test',
      state: 'failed',
      at: at(3.5),
      code: 'node-unreachable',
      message: 'No token of dune_production on node2.test: it cannot be reached.',
      action: 'Check that the node is up.',
    },
    { kind: 'credd', name: 'credd1.test', state: 'waiting', at: at(1.25) },
  ],
}
const why = {
  code: 'kdc-unreachable',
  message: 'No Kerberos ticket: no KDC answers.',
  action: 'Check the KDCs.',
}
const nova: LedgerRow = {
  run,
  entry: 'nova_analysis',
  service: 'nova_analysis',
  refresh: { state: 'failed', at: at(0.2), ...why },
  targets: ['node1.test', 'node2.test'].map((name) => ({
    kind: 'node' as const,
    name,
    state: 'failed' as const,
    at: at(0.2),
    cause: 'refresh' as const,
    ...why,
  })),
}

const statusOf = (entries: readonly LedgerRow[], rest: Partial<RunStatus> = {}): RunStatus => ({
  run,
  started,
  deadline: at(60),
  finished: at(4),
  totals: { done: 1, failed: 3, superseded: 0, unfinished: 0 },
  waiting: 0,
  page: 1,
  pages: 1,
  entries,
  ...rest,
})

describe('the table of a run', () => {
  it('shows entries by targets with state and time, then each failure once with what to do, then the total', () => {
    assert.equal(
      renderRun(statusOf([dune, nova], { finished: null, waiting: 1 }), plain),
      `Run 01JD0000000000000000000000
┌─────────────────┬─────────────────┬─────────────────┬──────────────────┬─────────┐
│ entry           │ token           │ node            │ node             │ credd   │
│                 │                 │ node1           │ node2            │ credd1  │
├─────────────────┼─────────────────┼─────────────────┼──────────────────┼─────────┤
│ dune_production │ done            │ done            │ node-unreachable │ waiting │
│                 │ 1.3 s           │ 2.0 s           │ 3.5 s            │         │
├─────────────────┼─────────────────┼─────────────────┼──────────────────┼─────────┤
│ nova_analysis   │ kdc-unreachable │ kdc-unreachable │ kdc-unreachable  │         │
│                 │ 0.2 s           │ 0.2 s           │ 0.2 s            │         │
└─────────────────┴─────────────────┴─────────────────┴──────────────────┴─────────┘

failed  dune_production → node2.test: No token of dune_production on node2.test: it cannot be reached. [node-unreachable]
        Check that the node is up.
failed  nova_analysis → node1.test, node2.test: No Kerberos ticket: no KDC answers. [kdc-unreachable]
        Check the KDCs.

Total: 1 done, 3 failed, 1 waiting, not finished yet.`,
    )
  })

  it('is a list where a grid would be wider than a person can read', () => {
    const targets = Array.from({ length: 12 }, (_, index) => ({
      kind: 'node' as const,
      name: `node${index}.test`,
      state: 'done' as const,
      at: at(index),
    }))
    const text = renderRun(statusOf([{ ...dune, targets }]), plain)
    assert.match(text, /^│ entry +│ target +│ state +│ after +│$/m)
    assert.match(text, /^│ dune_production +│ node node11 +│ done +│ 11\.0 s +│$/m)
    assert.match(text, /^Total: 1 done, 3 failed in 4\.0 s\.$/m)
  })

  it('is a list on a terminal too narrow for the grid', () => {
    const text = renderRun(statusOf([dune, nova]), viewOf({ isTTY: true, columns: 70 }, { NO_COLOR: '1' }))
    assert.match(text, /^│ dune_production +│ node node1 +│ done +│ 2\.0 s +│$/m)
    for (const line of text.split('\n').filter((one) => one.startsWith('│')))
      assert.ok(line.length <= 70, line)
  })

  it('says nothing of failures where there are none', () => {
    const fine = { ...dune, targets: dune.targets.slice(0, 1) }
    const text = renderRun(
      statusOf([fine], { totals: { done: 1, failed: 0, superseded: 0, unfinished: 0 } }),
      plain,
    )
    assert.ok(text.endsWith('\n\nTotal: 1 done in 4.0 s.'))
    assert.doesNotMatch(text, /failed/)
  })

  it('names what a newer run took over and what was not tried, in the total too', () => {
    const targets = (['superseded', 'unfinished'] as const).map((state, index) => ({
      kind: 'credd' as const,
      name: `credd${index}.test`,
      state,
      at: at(60),
    }))
    const totals = { done: 0, failed: 0, superseded: 1, unfinished: 1 }
    const text = renderRun(statusOf([{ ...dune, targets }], { totals }), plain)
    assert.match(text, /│ superseded │ unfinished │/)
    assert.match(text, /^Total: 0 done, 1 superseded, 1 unfinished in 4\.0 s\.$/m)
  })

  it('has colours on a terminal, and only there', () => {
    const onTerminal = viewOf({ isTTY: true, columns: 200 }, { TERM: 'xterm' })
    assert.ok(renderRun(statusOf([dune]), onTerminal).includes('\u001b[31mnode-unreachable\u001b[39m'))
    assert.ok(!renderRun(statusOf([dune]), plain).includes('\u001b'))
  })
})
