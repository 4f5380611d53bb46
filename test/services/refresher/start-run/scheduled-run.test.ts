/** A scheduled run of everything is not started into the last one. */
import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { describe, it } from 'node:test'
import pino from 'pino'
import { ulid } from 'ulid'
import {
  findUnfinishedFullRun,
  startScheduledRun,
} from '../../../../services/refresher/start-run/scheduled-run.ts'
import type { RunStarted } from '../../../../shared/contracts/messages.ts'
import { latestRunKey } from '../../../../shared/contracts/subjects.ts'
import { nothingRevoked, siteOf } from '../../build.ts'
import { fakeBus } from '../../fake-bus.ts'
import { fakeKv } from '../../fake-kv.ts'

const site = siteOf()
const minute = 60_000
const ledgerOf = (now: number, ageMs = 2 * minute) => ({
  run: ulid(now - ageMs),
  deadline: new Date(now + minute).toISOString(),
  mode: { push: true, notify: true },
  entries: site.entries.map(({ name }) => name),
})
type Ledger = ReturnType<typeof ledgerOf> & { finished?: string }

function runsWith(head: Ledger) {
  const runs = fakeKv()
  runs.put(latestRunKey, head.run)
  runs.put(`${head.run}.dune=5Fproduction`, {})
  runs.put(head.run, head)
  return Object.assign(runs.kv, { update: async (key: string, value: string) => runs.put(key, value) })
}

describe('the last run of everything is still going on', () => {
  const now = Date.parse('2026-01-01T06:00:00Z')
  const table: Record<string, [Partial<Ledger>, boolean]> = {
    'where it is neither finished nor past its deadline': [{}, true],
    'also where it has entries that are configured no more': [
      { entries: [...site.entries.map(({ name }) => name), 'gone_production'] },
      true,
    ],
    'not where it has finished': [{ finished: '2026-01-01T05:59:00Z' }, false],
    'not where its deadline has passed': [{ deadline: '2026-01-01T05:59:59Z' }, false],
    'not where it was asked for some entries only': [{ entries: ['dune_production'] }, false],
    'not where it leaves the nodes alone': [{ mode: { push: false, notify: true } }, false],
    'not where it is muted': [{ mode: { push: true, notify: false } }, false],
    'not where it began hours ago, by whatever clock': [{ run: ulid(now - 3 * 60 * minute) }, false],
  }
  for (const [where, [change, isOn]] of Object.entries(table))
    it(where, async () => {
      const head = { ...ledgerOf(now), ...change }
      assert.equal(await findUnfinishedFullRun(site, runsWith(head), now), isOn ? head.run : undefined)
    })
})

describe('a firing of the schedule', () => {
  const fire = async (head: Ledger, begun?: string) => {
    const { bus, published } = fakeBus()
    const said: string[] = []
    const log = pino(
      new Writable({
        write(line, _encoding, done) {
          said.push(String(line))
          done()
        },
      }),
    )
    const begins: string[] = []
    await startScheduledRun(
      { due: new Date().toISOString(), begun, begin: async (what) => void begins.push(what) },
      { bus, runs: runsWith(head), freshSite: () => site, revoked: nothingRevoked },
      log,
    )
    return { published: published.map(({ body }) => body as RunStarted), begins, said: said.join('') }
  }

  it('is skipped while the last run of everything is going on, and the log says which', async () => {
    const head = ledgerOf(Date.now())
    const { published, begins, said } = await fire(head)
    assert.deepEqual([published, begins], [[], []])
    assert.match(said, /skipped a scheduled run: the last one is not finished/)
    assert.ok(said.includes(head.run))
  })

  it('starts a run of everything once that one has finished', async () => {
    const { published, begins } = await fire({ ...ledgerOf(Date.now()), finished: new Date().toISOString() })
    assert.deepEqual(
      published.map(({ run, trigger, entries }) => [run, trigger, entries.length]),
      [[begins[0], 'schedule', site.entries.length]],
    )
  })

  it('that another refresher began goes on, whatever is going on: it is that run', async () => {
    const head = ledgerOf(Date.now())
    const { published } = await fire(head, head.run)
    assert.deepEqual(
      published.map(({ run }) => run),
      [head.run],
    )
  })
})
