import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openStatusAnswers, wholeStatus } from '../../../../services/notifier/ledger/answer-status.ts'
import type { LedgerRow, LedgerRun } from '../../../../services/notifier/ledger/ledger.ts'
import type { LedgerStore } from '../../../../services/notifier/ledger/ledger-store.ts'
import { at, runIds } from '../../build.ts'

/** A run of so many entries, each with so many failed nodes. */
function ledgerOf(entries: number, nodes: number): LedgerStore {
  const rows = Array.from(
    { length: entries },
    (_, entry): LedgerRow => ({
      ...{ run: runIds[0], entry: `e${entry}_production`, service: `e${entry}_production` },
      refresh: { state: 'done', at: at(1) },
      targets: Array.from({ length: nodes }, (_, node) => ({
        ...{
          kind: 'node',
          name: `node${node}.lab.example`,
          state: 'failed',
          at: at(2),
          code: 'node-unreachable',
        },
        ...{ message: 'x'.repeat(200), action: 'y'.repeat(100) },
      })),
    }),
  )
  const run: LedgerRun = {
    ...{ run: runIds[0], started: at(0), deadline: at(5), mode: { push: true, notify: true } },
    ...{ entries: rows.map(({ entry }) => entry), finished: at(6) },
  }
  const known = { readRun: async () => run, readRows: async () => rows, latestRun: async () => run.run }
  return known as unknown as LedgerStore
}

const readStatus = (body: unknown, ledger: LedgerStore) => openStatusAnswers(ledger)(body)

describe('the answer about a run', () => {
  it('of ten thousand targets comes in pages that each fit into a message, with every entry once', async () => {
    const ledger = ledgerOf(250, 40)
    const first = await readStatus({}, ledger)
    assert.ok(first.pages > 1)
    const names: string[] = []
    for (let page = 1; page <= first.pages; page += 1) {
      const answer = await readStatus({ run: runIds[0], page }, ledger)
      assert.ok(Buffer.byteLength(JSON.stringify(answer)) < 1024 * 1024)
      assert.equal(answer.totals.failed, 10_000)
      names.push(...answer.entries.map(({ entry }) => entry))
    }
    assert.equal(new Set(names).size, 250)
    assert.equal(names.length, 250)
  })
  it('is read once for all its pages, and anew for who begins again', async () => {
    const ledger = ledgerOf(250, 40)
    let reads = 0
    const counting = { ...ledger, readRows: (run: LedgerRun) => ledger.readRows(run).finally(() => reads++) }
    const answer = openStatusAnswers(counting)
    const { pages, run } = await answer({})
    for (let page = 2; page <= pages; page += 1) await answer({ run, page })
    assert.equal(reads, 1)
    await answer({ run: run.toLowerCase(), page: 2 })
    assert.equal(reads, 1, 'however its id is written')
    await answer({ run, page: 1 })
    assert.equal(reads, 2)
    await answer({ page: 2 })
    assert.equal(reads, 3, 'the run that started last may be another by now')
  })
  it('of a few is one page, and a page there is not is empty', async () => {
    const ledger = ledgerOf(150, 1)
    assert.equal((await readStatus(undefined, ledger)).pages, 1)
    assert.deepEqual((await readStatus({ page: 2 }, ledger)).entries, [])
  })
  it('is found however its id is written', async () => {
    assert.equal((await readStatus({ run: runIds[0].toLowerCase() }, ledgerOf(1, 1))).run, runIds[0])
  })
  for (const run of ['latest', '', '*', '>', 'a b', 'open.runs', `${runIds[0]}.dune_production`])
    it(`is that there is none for ${JSON.stringify(run)}, which is no run’s id: the bucket is not asked`, async () => {
      await assert.rejects(readStatus({ run }, ledgerOf(1, 1)), { code: 'unknown-run' })
    })
})

describe('how a run stands', () => {
  const row: LedgerRow = {
    ...{ run: runIds[0], entry: 'dune_production', service: 'dune_production' },
    refresh: { state: 'done', at: at(1) },
    targets: [
      { kind: 'node', name: 'n1', state: 'done', at: at(3) },
      { kind: 'node', name: 'n2', state: 'failed', at: at(2) },
    ],
  }
  const run: LedgerRun = {
    ...{ run: runIds[0], started: at(0), deadline: at(5), mode: { push: true, notify: true } },
    entries: ['dune_production'],
  }
  it('says when the last of it ended, before its end is marked', () => {
    assert.deepEqual(wholeStatus(run, [row]), {
      ...{ run: runIds[0], started: at(0), deadline: at(5), finished: at(3), waiting: 0, page: 1, pages: 1 },
      ...{ totals: { done: 1, failed: 1, superseded: 0, unfinished: 0 }, entries: [row] },
    })
    assert.equal(wholeStatus({ ...run, finished: at(4) }, [row]).finished, at(4))
    assert.equal(wholeStatus(run, []).finished, at(0))
  })
  it('has not ended while something waits, and says how much, and what it takes away', () => {
    const waits: LedgerRow = { ...row, refresh: { state: 'waiting', at: at(0) } }
    const { finished, waiting, revocation } = wholeStatus({ ...run, revocation: { reason: 'lost' } }, [
      row,
      waits,
    ])
    assert.deepEqual([finished, waiting, revocation], [null, 1, { reason: 'lost' }])
    assert.ok(!('revocation' in wholeStatus(run, [row])))
  })
  it('cannot be told where there was no run yet', async () => {
    const none = { latestRun: async () => undefined } as unknown as LedgerStore
    await assert.rejects(readStatus({}, none), {
      code: 'no-run',
      message: 'There has been no run yet: start one with managed-tokens run.',
    })
  })
  it('is read anew where whoever asked first has waited too long for the next page', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const ledger = ledgerOf(250, 40)
    let reads = 0
    const counting = { ...ledger, readRows: (one: LedgerRun) => ledger.readRows(one).finally(() => reads++) }
    const answer = openStatusAnswers(counting)
    await answer({ run: runIds[0] })
    t.mock.timers.tick(19_999)
    await answer({ run: runIds[0], page: 2 })
    assert.equal(reads, 1)
    t.mock.timers.tick(20_000)
    await answer({ run: runIds[0], page: 2 })
    assert.equal(reads, 2)
  })
})
