/** When a run has ended, and how: with its last target, or at its deadline, as far as is known by then. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LedgerRow, LedgerRun } from '../../../../services/notifier/ledger/ledger.ts'
import { applyEvent, endWaiting, hasEnded } from '../../../../services/notifier/ledger/ledger.ts'
import type { LedgerStore } from '../../../../services/notifier/ledger/ledger-store.ts'
import { isCounted, ofRun as newsOf } from '../../../../services/notifier/ledger/occasion.ts'
import { endOverdueRuns, finishedIfEnded } from '../../../../services/notifier/ledger/run-end.ts'
import type { RunFinished } from '../../../../shared/contracts/messages.ts'
import { at, dune, runIds } from '../../build.ts'
import { brief, pushed, ready, startedRow } from '../events.ts'

const runOf = (run: string, more: Partial<LedgerRun> = {}): LedgerRun => ({
  ...{ run, started: at(0), deadline: at(5), mode: { push: true, notify: true }, entries: [dune.entry] },
  ...more,
})
const served = (run: string) =>
  [ready(3, [], run), pushed(3, 'n1', run), pushed(4, 'n2', run)].reduce(applyEvent, startedRow(run))

/** A ledger of these runs and rows. */
function ledgerOf(runs: readonly LedgerRun[], rows: readonly LedgerRow[], open = runs) {
  const kept = new Map(rows.map((row) => [`${row.run} ${row.entry}`, row]))
  const changed: string[] = []
  const ledger: Partial<LedgerStore> = {
    openRuns: async () => open,
    readRow: async (run, entry) => kept.get(`${run} ${entry}`),
    readRows: async ({ run, entries }) => entries.flatMap((entry) => kept.get(`${run} ${entry}`) ?? []),
    runsBeside: async ({ run }) => runs.filter((one) => one.run !== run),
    async changeRow(run, entry, change) {
      const row = kept.get(`${run} ${entry}`)
      if (!row) return undefined
      changed.push(`${run} ${entry}`)
      kept.set(`${run} ${entry}`, change(row))
      return kept.get(`${run} ${entry}`)
    },
    async endedRows(run) {
      const all = await this.readRows?.(run)
      return all?.every(hasEnded) ? all : undefined
    },
  }
  const briefOf = (run: string, entry: string = dune.entry) => {
    const row = kept.get(`${run} ${entry}`)
    return row && brief(row)
  }
  return { ledger: ledger as LedgerStore, changed, briefOf }
}
const end = (ledger: LedgerStore, minutes: number, handledUntil = minutes) =>
  endOverdueRuns(ledger, new Date(at(minutes)), new Date(at(handledUntil)))

const [older, middle, newer] = runIds

describe('the end of a run', () => {
  it('is one fact, with how it ended and where it hangs in its trace', async () => {
    const run = runOf(older, { traceId: 't', spanId: 's' })
    const { ledger } = ledgerOf([run], [served(older)])
    const [fact, ...more] = await finishedIfEnded(run, ledger)
    assert.deepEqual(more, [])
    assert.ok(fact)
    const { schema, at: when, ...told } = fact.body as RunFinished
    assert.ok(schema && when)
    const totals = { done: 2, failed: 0, superseded: 0, unfinished: 0 }
    assert.deepEqual(told, { run: older, started: at(0), mode: run.mode, totals })
    assert.deepEqual(
      [fact.kind, fact.subject, fact.id, fact.about],
      ['fact', 'run.finished', `${older}.finished`, { traceId: 't', spanId: 's' }],
    )
  })
  it('has not come while a target waits, nor a part of the plan, unless it is overdue', async () => {
    const waits = ledgerOf([runOf(older)], [startedRow(older)])
    assert.deepEqual(await finishedIfEnded(runOf(older), waits.ledger), [])
    const missing = runOf(older, { missing: [2] })
    const { ledger } = ledgerOf([missing], [served(older)])
    assert.deepEqual(await finishedIfEnded(missing, ledger), [])
    assert.equal((await finishedIfEnded(missing, ledger, true)).length, 1)
  })
})

describe('runs that nobody has ended', () => {
  it('end at their deadline, counted from what was heard: what waits is unfinished', async () => {
    const { ledger, briefOf } = ledgerOf([runOf(older)], [applyEvent(startedRow(older), pushed(1))])
    assert.deepEqual(await end(ledger, 99, 4), [])
    assert.equal(briefOf(older), 'refresh=waiting n1=done n2=waiting')
    assert.equal((await end(ledger, 99, 5)).length, 1)
    assert.equal(briefOf(older), 'refresh=unfinished n1=done n2=unfinished')
    assert.equal((await ledger.readRow(older, dune.entry))?.refresh.at, at(99))
  })
  it('end before it where all has ended, and what had ended is not looked at again', async () => {
    const { ledger, changed } = ledgerOf([runOf(older), runOf(middle)], [served(older), startedRow(middle)])
    const facts = await end(ledger, 1)
    assert.deepEqual(
      facts.map(({ body }) => (body as RunFinished).run),
      [older],
    )
    await end(ledger, 9)
    assert.deepEqual(changed, [`${middle} ${dune.entry}`])
  })
  it('lost to a newer run what that has done, whenever it began', async () => {
    const { ledger, briefOf } = ledgerOf([runOf(older), runOf(newer)], [startedRow(older), served(newer)])
    await end(ledger, 9)
    assert.equal(briefOf(older), 'refresh=superseded n1=superseded n2=superseded')
  })
  it('lost to an older one that does more what that has done since they began, and nothing to its equal', async () => {
    const weak = { push: true, notify: false }
    for (const [mode, started, expected] of [
      [weak, at(1), 'superseded'],
      [weak, at(9), 'unfinished'],
      [{ push: true, notify: true }, at(1), 'unfinished'],
    ] as const) {
      const late = runOf(newer, { mode, started })
      const { ledger, briefOf } = ledgerOf([runOf(older), late], [served(older), startedRow(newer)], [late])
      await end(ledger, 9)
      assert.equal(briefOf(newer), `refresh=${expected} n1=${expected} n2=${expected}`)
    }
  })
  it('lose nothing to a run that does not have the entry, or has nothing of it', async () => {
    const others = [runOf(middle, { entries: ['nova_production'] }), runOf(newer)]
    const foreign = { ...served(middle), entry: dune.entry }
    const { ledger, briefOf } = ledgerOf(
      [runOf(older), ...others],
      [startedRow(older), foreign],
      [runOf(older)],
    )
    await end(ledger, 9)
    assert.equal(briefOf(older), 'refresh=unfinished n1=unfinished n2=unfinished')
  })
  it('lose to each of several what it has done', async () => {
    const [one, two] = [applyEvent(startedRow(older), ready(1, [])), runOf(older)]
    const rows = [one, applyEvent(startedRow(middle), pushed(2, 'n1', middle))]
    const last = applyEvent(startedRow(newer), pushed(3, 'n2', newer))
    const { ledger, briefOf } = ledgerOf([two, runOf(middle), runOf(newer)], [...rows, last], [two])
    await end(ledger, 9)
    assert.equal(briefOf(older), 'refresh=done n1=superseded n2=superseded')
  })
})

describe('the results of a run', () => {
  it('are counted where it pushed and told', () => {
    const modes = [
      [true, true, true],
      [true, false, false],
      [false, true, false],
    ] as const
    for (const [push, notify, expected] of modes)
      assert.equal(isCounted(runOf(older, { mode: { push, notify } })), expected)
  })
  it('say which run they are of, whether it was a test, and where its trace is', () => {
    assert.deepEqual(newsOf(runOf(older)), { run: older, isTest: false })
    const test = runOf(older, { mode: { push: false, notify: true }, traceId: 't', spanId: 's' })
    assert.deepEqual(newsOf(test), { run: older, isTest: true, traceId: 't', spanId: 's' })
  })
  it('stay as they are where nothing waits', () => {
    const row = served(older)
    assert.equal(endWaiting(row, 'unfinished', at(9)), row)
  })
})
