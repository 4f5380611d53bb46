/** A ledger with a month in it: what has happened is told within a second. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ulid } from 'ulid'
import { readHistory } from '../../services/notifier/ledger/answer-history.ts'
import type { LedgerRow, LedgerRun } from '../../services/notifier/ledger/ledger.ts'
import { type LedgerStore, openLedger } from '../../services/notifier/ledger/ledger-store.ts'
import { inParallel } from '../../shared/bus/in-parallel.ts'
import { ledgerKey, runKey } from '../../shared/contracts/subjects.ts'
import { type NotifierBus, openNotifierBus } from '../support/notifier.ts'

const hour = 60 * 60_000
const hours = 30 * 24
const entries = Array.from({ length: 20 }, (_, index) => `exp${index}_production`)
const nodes = Array.from({ length: 5 }, (_, index) => `node${index}.lab.example`)
const tokenOf = (run: string, entry: string) => `${entry}-${run}`
const site = () => ({ entries: [] })

function rowOf(run: string, entry: string, at: string): LedgerRow {
  const tokenId = tokenOf(run, entry)
  return {
    ...{ run, entry, service: entry },
    refresh: { state: 'done', at, expiry: at, reused: true, tokenId },
    targets: nodes.map((name) => ({ kind: 'node', name, state: 'done', at, expiry: at, tokenId })),
  }
}

describe('a month of hourly runs', { timeout: 300_000 }, () => {
  let bus: NotifierBus
  let ledger: LedgerStore
  const now = Date.now()
  const ids = Array.from({ length: hours }, (_, index) => ulid(now - (hours - index) * hour))
  const asked = {
    run: ids[5] ?? '',
    entry: 'exp3_production',
    tokenId: tokenOf(ids[5] ?? '', 'exp3_production'),
  }

  before(async () => {
    bus = await openNotifierBus()
    ledger = await openLedger(bus.runs)
    await inParallel(ids, async (run) => {
      const at = new Date(now).toISOString()
      const head: LedgerRun = {
        ...{ run, started: at, deadline: at, finished: at, mode: { push: true, notify: true }, entries },
        totals: { done: entries.length, failed: 0, superseded: 0, unfinished: 0 },
      }
      await bus.runs.put(runKey(run), JSON.stringify(head))
      for (const entry of entries)
        await bus.runs.put(ledgerKey(run, entry), JSON.stringify(rowOf(run, entry, at)))
    })
    await ledger.noteToken(asked.tokenId, asked)
  })
  after(() => bus?.[Symbol.asyncDispose]())

  const questions: Record<string, [object, (answer: never) => void]> = {
    'its runs': [{}, ({ runs }: { runs: { run: string }[] }) => assert.equal(runs[0]?.run, ids.at(-1))],
    'the tokens of a service': [
      { service: 'exp3_production', node: 'node2' },
      ({ tokens }: { tokens: { run: string; places: object[] }[] }) =>
        assert.deepEqual([tokens[0]?.run, tokens[0]?.places.length], [ids.at(-1), 1]),
    ],
    'where a token was put': [
      { tokenId: asked.tokenId },
      ({ nodes: found }: { nodes: object[] }) => assert.equal(found.length, nodes.length),
    ],
  }
  for (const [what, [question, check]] of Object.entries(questions))
    it(`tells ${what} in less than a second`, async () => {
      const taken: number[] = []
      // The best of three: other programs use this machine as well.
      for (let tries = 0; tries < 3; tries += 1) {
        const begun = performance.now()
        check((await readHistory(question, ledger, site)) as never)
        taken.push(performance.now() - begun)
      }
      assert.ok(Math.min(...taken) < 1_000, `${taken.map(Math.round).join(', ')} ms`)
    })
})
