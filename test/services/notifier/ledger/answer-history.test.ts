/** What the ledger tells of the past: the runs, the tokens of a service, and where one token was put. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type HistoryAnswer,
  type RunsAnswer,
  readHistory,
  type WhereAnswer,
} from '../../../../services/notifier/ledger/answer-history.ts'
import type { LedgerRow, LedgerRun, TargetRow } from '../../../../services/notifier/ledger/ledger.ts'
import { at, dune, runIds, siteOf } from '../../build.ts'

const target = (kind: TargetRow['kind'], name: string, more: Partial<TargetRow> = {}): TargetRow => ({
  ...{ kind, name, state: 'done', at: at(2), ...more },
})
const row = (run: string, more: Partial<LedgerRow> = {}): LedgerRow => ({
  ...{ run, entry: dune.entry, service: dune.service, targets: [] },
  refresh: { state: 'done', at: at(1) },
  ...more,
})
const runOf = (run: string): LedgerRun => ({
  ...{ run, started: at(0), deadline: at(5), mode: { push: true, notify: true }, entries: [dune.entry] },
  ...{ traceId: 'trace', spanId: 'span' },
})

/** The rows, and the run of every id that is given, but for those that are gone. */
const ledgerOf = (rows: readonly LedgerRow[], ids: readonly string[] = runIds, gone = '') => ({
  runIds: async () => ids,
  readRun: async (run: string) => (run === gone ? undefined : runOf(run)),
  readRow: async (run: string, entry: string) => rows.find((one) => one.run === run && one.entry === entry),
  rowsOf: async (entry: string) => rows.filter((one) => one.entry === entry),
  findToken: async (tokenId: string) =>
    tokenId === 'noted' ? { run: runIds[1], entry: dune.entry } : undefined,
})
const ask = <T>(body: object, ledger: ReturnType<typeof ledgerOf>) =>
  readHistory(body, ledger, siteOf) as Promise<T>

describe('the runs that the ledger keeps', () => {
  it('come with the newest first, without what belongs to their traces', async () => {
    const { traceId: _, spanId: __, ...told } = runOf(runIds[2])
    const { runs, page, pages } = await ask<RunsAnswer>({}, ledgerOf([]))
    assert.deepEqual(
      runs.map(({ run }) => run),
      runIds.toReversed(),
    )
    assert.deepEqual([runs[0], page, pages], [told, 1, 1])
  })
  it('are a hundred on a page, and none is missing between two of them', async () => {
    const ids = Array.from({ length: 201 }, (_, index) => String(index).padStart(3, '0'))
    const asked = await Promise.all([1, 2, 3].map((page) => ask<RunsAnswer>({ page }, ledgerOf([], ids))))
    assert.deepEqual(
      asked.map(({ runs, page, pages }) => [runs.length, page, pages]),
      [
        [100, 1, 3],
        [100, 2, 3],
        [1, 3, 3],
      ],
    )
    assert.deepEqual(
      asked.flatMap(({ runs }) => runs.map(({ run }) => run)),
      ids.toReversed(),
    )
  })
  it('are one empty page where there is none, and leave out what went meanwhile', async () => {
    assert.deepEqual(await ask({}, ledgerOf([], [])), { runs: [], page: 1, pages: 1 })
    const { runs } = await ask<RunsAnswer>({}, ledgerOf([], runIds, runIds[1]))
    assert.deepEqual(
      runs.map(({ run }) => run),
      [runIds[2], runIds[0]],
    )
  })
})

describe('the tokens of a service', () => {
  const targets = [
    ...[target('credd', 'node1.lab.example'), target('node', 'node1.lab.example')],
    ...[target('node', 'node1.other.example'), target('node', 'node10.lab.example')],
  ]
  const kept = ledgerOf([
    row(runIds[0], { targets }),
    row(runIds[2], { targets: [target('node', 'node9.lab.example')], removes: true }),
    row(runIds[1], { entry: 'nova_production', service: 'nova_production', targets }),
  ])
  const places = async (body: object) =>
    (await ask<HistoryAnswer>({ service: dune.service, ...body }, kept)).tokens.map(({ run, places }) => [
      run,
      places.map(({ kind, name }) => `${kind} ${name}`),
    ])

  it('come with the newest first, each with all its places, and say which were taken away', async () => {
    const { tokens, page, pages } = await ask<HistoryAnswer>({ service: 'DUNE_Production' }, kept)
    assert.deepEqual(
      tokens.map(({ run, removes, places }) => [run, removes, places.length]),
      [
        [runIds[2], true, 1],
        [runIds[0], false, 4],
      ],
    )
    assert.deepEqual(tokens[1]?.made, { state: 'done', at: at(1) })
    assert.deepEqual([tokens[1]?.entry, tokens[1]?.service, page, pages], [dune.entry, dune.service, 1, 1])
  })
  it('at a node are those of the node alone, by its full or its short name', async () => {
    assert.deepEqual(await places({ node: 'node1.lab.example' }), [[runIds[0], ['node node1.lab.example']]])
    const short = ['node node1.lab.example', 'node node1.other.example']
    assert.deepEqual(await places({ node: 'node1' }), [[runIds[0], short]])
    assert.deepEqual(await places({ node: 'node7' }), [])
  })
  it('are found by the name of the service and by that of an entry, also of one that has gone', async () => {
    const site = () => ({ entries: siteOf().entries.map((one) => ({ ...one, service: 'together' })) })
    const together = (await readHistory({ service: 'together' }, kept, site)) as HistoryAnswer
    assert.equal(together.tokens.length, 3)
    const gone = ledgerOf([row(runIds[0], { entry: 'old_production', service: 'old_production' })])
    assert.equal((await ask<HistoryAnswer>({ service: 'old_production' }, gone)).tokens.length, 1)
    await assert.rejects(ask({ service: 'typo' }, kept), {
      code: 'unknown-service',
      message: /knows nothing of typo: it keeps two weeks/,
    })
  })
  it('are an empty page behind the last one', async () => {
    const answer = await ask<HistoryAnswer>({ service: dune.service, page: 2 }, kept)
    assert.deepEqual(answer, { tokens: [], page: 2, pages: 1 })
  })
})

describe('where one token was put', () => {
  const mine = { tokenId: 'noted' }
  const kept = ledgerOf([
    row(runIds[0], { targets: [target('node', 'n0', mine)] }),
    row(runIds[1], {
      targets: [
        ...[target('node', 'n1', mine), target('node', 'n2', { tokenId: 'another' })],
        ...[target('credd', 'c1'), target('credd', 'c2', { state: 'failed' })],
      ],
    }),
  ])
  it('names every node of whichever run, and the credds that got theirs in its own', async () => {
    const { tokenId, made, nodes, credds } = await ask<WhereAnswer>({ tokenId: 'noted' }, kept)
    assert.deepEqual([tokenId, made.run, made.places.length], ['noted', runIds[1], 4])
    assert.deepEqual(
      nodes.map(({ run, name }) => [run, name]),
      [
        [runIds[0], 'n0'],
        [runIds[1], 'n1'],
      ],
    )
    assert.deepEqual(
      credds.map(({ name }) => name),
      ['c1'],
    )
  })
  it('is told as unknown where nobody has noted it, and where its row is gone', async () => {
    for (const [tokenId, ledger] of [
      ['typo', kept],
      ['noted', ledgerOf([])],
    ] as const)
      await assert.rejects(ask({ tokenId }, ledger), {
        code: 'unknown-token',
        message: new RegExp(`knows no token ${tokenId}: it keeps two weeks`),
      })
  })
})

describe('a question about the past', () => {
  for (const body of [{ page: 0 }, { service: '' }, { tokenId: 'x'.repeat(201) }, { other: 1 }])
    it(`is refused as ${JSON.stringify(body).slice(0, 30)}`, async () => {
      await assert.rejects(ask(body, ledgerOf([])), { code: 'bad-request' })
    })
})
