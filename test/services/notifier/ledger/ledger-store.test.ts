import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { KV } from '@nats-io/kv'
import { ulid } from 'ulid'
import { sendDigests } from '../../../../services/notifier/digest/send-digests.ts'
import type { Failing } from '../../../../services/notifier/failures/consecutive-failures.ts'
import { countOnce, failingKey, importCounts } from '../../../../services/notifier/failures/failure-store.ts'
import { handleFact, type NotifierDeps } from '../../../../services/notifier/handle.ts'
import { applyEvent, type LedgerRun } from '../../../../services/notifier/ledger/ledger.ts'
import { type LedgerStore, openLedger } from '../../../../services/notifier/ledger/ledger-store.ts'
import { endOverdueRuns } from '../../../../services/notifier/ledger/run-end.ts'
import { newsIn } from '../../../../services/notifier/news/news-store.ts'
import type { Bus } from '../../../../shared/bus/connect.ts'
import type { Outgoing } from '../../../../shared/bus/publish.ts'
import { ensureOwned } from '../../../../shared/bus/streams/topology.ts'
import { RetryLater } from '../../../../shared/contracts/errors.ts'
import type { Notification, RunFinished, RunStarted } from '../../../../shared/contracts/messages.ts'
import { nextRunId } from '../../../../shared/contracts/run-id.ts'
import { buckets, latestRunKey, ledgerKey, openRunsKey } from '../../../../shared/contracts/subjects.ts'
import type { Received } from '../../../../shared/work/consume/handle-message.ts'
import { startTestNats, type TestNats } from '../../../support/nats.ts'
import { at, dune, ofRun, siteOf } from '../../build.ts'
import { fakeKv } from '../../fake-kv.ts'
import { brief, failed, pushed, ready, startedRow, stored } from '../events.ts'

let nats: TestNats
let bus: Bus
let runs: KV
let failures: KV
let last: string | undefined
const newRun = () => {
  last = nextRunId(last, Date.now())
  return last
}

before(async () => {
  nats = await startTestNats()
  bus = await nats.connect('notifier')
  await ensureOwned(bus, 'notifier')
  runs = await bus.bucket(buckets.runs)
  failures = await bus.bucket(buckets.failures)
})
after(async () => {
  await bus?.[Symbol.asyncDispose]()
  await nats?.[Symbol.asyncDispose]()
})

const runOf = (run: string, entries: string[] = [dune.entry]): LedgerRun => ({
  ...{ run, started: at(0), deadline: at(5), mode: { push: true, notify: true }, entries },
})
const startedEvent = (run: string): RunStarted => ({
  ...ofRun(run),
  ...{ deadline: at(5), configHash: 'x', trigger: 'request', mode: { push: true, notify: true } },
  entries: [{ ...dune, nodes: ['n1', 'n2'] }],
})
const rowOf = async (store: LedgerStore, run: string) =>
  (await store.readRows(runOf(run)))[0] ?? startedRow(run)

describe('the ledger in its bucket', () => {
  it('loses no event when two notifiers write the same row at once', async () => {
    const [one, two] = [await openLedger(runs), await openLedger(runs)]
    const run = newRun()
    const nodes = Array.from({ length: 20 }, (_, i) => `m${i}`)
    await one.addRun(runOf(run), [startedRow(run)])
    await Promise.all(
      nodes.map((node, i) =>
        (i % 2 ? one : two).changeRow(run, dune.entry, (row) => applyEvent(row, pushed(1, node, run))),
      ),
    )
    const done = (await rowOf(one, run)).targets
      .filter(({ state }) => state === 'done')
      .map(({ name }) => name)
    assert.deepEqual(done.toSorted(), nodes.toSorted())
  })

  it('is started once: a start that comes again leaves what has happened since', async () => {
    const store = await openLedger(runs)
    const run = newRun()
    await store.addRun(runOf(run), [startedRow(run)])
    await store.changeRow(run, dune.entry, (row) => applyEvent(row, pushed(1, 'n1', run)))
    await store.addRun(runOf(run), [startedRow(run)])
    assert.equal(brief(await rowOf(store, run)), 'refresh=waiting n1=done n2=waiting')
  })

  it('is read again by the next notifier: open runs, oldest first, without those that have finished', async () => {
    const store = await openLedger(runs)
    const [first, second, third] = [newRun(), newRun(), newRun()]
    for (const run of [second, first, third]) await store.addRun(runOf(run), [startedRow(run)])
    await runs.put(latestRunKey, third)
    await store.endRun(second, at(9))
    await store.endRun(second, at(99))
    const next = await openLedger(runs)
    assert.deepEqual(
      (await next.openRuns()).map(({ run }) => run).filter((run) => run >= first),
      [first, third],
    )
    assert.equal((await next.readRun(second))?.finished, at(9))
    assert.equal(await next.latestRun(), third)
  })

  it('has not ended when another notifier saw a late token open a row again', async () => {
    const [one, two] = [await openLedger(runs), await openLedger(runs)]
    const run = newRun()
    await one.addRun(runOf(run, ['a', 'b']), [
      { ...startedRow(run), entry: 'a' },
      { ...startedRow(run), entry: 'b' },
    ])
    await one.changeRow(run, 'a', (row) => applyEvent(row, failed(1, 'refresh', undefined, { run })))
    assert.equal(await one.endedRows(runOf(run, ['a', 'b'])), undefined)
    await two.changeRow(run, 'a', (row) => applyEvent(row, ready(2, [], run)))
    await one.changeRow(run, 'b', (row) => applyEvent(row, failed(3, 'refresh', undefined, { run })))
    assert.equal(await one.endedRows(runOf(run, ['a', 'b'])), undefined)
    for (const node of ['n1', 'n2'])
      await two.changeRow(run, 'a', (row) => applyEvent(row, pushed(4, node, run)))
    assert.equal((await one.endedRows(runOf(run, ['a', 'b'])))?.length, 2)
  })

  it('gives the rows of many entries in the order of the plan, without those that are not there', async () => {
    const store = await openLedger(runs)
    const run = newRun()
    const entries = Array.from({ length: 100 }, (_, n) => `dune-${99 - n}_production`)
    await store.addRun(
      runOf(run, entries),
      entries.slice(1).map((entry) => ({ ...startedRow(run), entry })),
    )
    const rows = await store.readRows(runOf(run, entries))
    assert.deepEqual(
      rows.map(({ entry }) => entry),
      entries.slice(1),
    )
  })

  it('knows the runs that started last, and those that were under way beside one', async () => {
    const store = await openLedger(runs)
    const day = 24 * 60 * 60_000
    const now = Date.now() + 0.05 * day
    const [tooOld, ended, begun, mine, later] = [-1.01, -0.5, -0.4, 0, 0.1].map((days) =>
      ulid(now + days * day),
    ) as [string, string, string, string, string]
    await store.addRun({ ...runOf(tooOld), deadline: at(900) }, [])
    await store.addRun({ ...runOf(ended), deadline: at(9) }, [])
    for (const run of [begun, later]) await store.addRun({ ...runOf(run), deadline: at(10) }, [])
    const head = { ...runOf(mine), started: at(10), deadline: at(20) }
    await store.addRun(head, [])
    const idsOf = (found: readonly LedgerRun[]) => found.map(({ run }) => run)
    assert.deepEqual(idsOf(await store.runsBeside(head)), [begun, later])
    assert.deepEqual(idsOf(await store.latestRuns(2)), [later, mine])
    assert.equal(await store.latestRun(), later)
    const ids = await store.runIds()
    assert.deepEqual(ids, ids.toSorted())
    assert.deepEqual(
      [tooOld, ended, begun, mine, later].filter((run) => !ids.includes(run)),
      [],
    )
    for (const run of [tooOld, ended, begun, mine, later]) await runs.purge(run)
    await runs.delete(openRunsKey)
  })

  it('finds every row of an entry, the newest run first, and whose a token was', async () => {
    const store = await openLedger(runs)
    const ids = [newRun(), newRun(), newRun()]
    const entry = 'rare_production'
    for (const run of ids)
      await store.addRun(runOf(run, [entry, 'b']), [
        { ...startedRow(run), entry },
        { ...startedRow(run), entry: 'b' },
      ])
    await runs.put(ledgerKey(ids[1] ?? '', entry), 'rubbish')
    assert.deepEqual(
      (await store.rowsOf(entry)).map(({ run }) => run),
      [ids[2], ids[0]],
    )
    const whose = { run: ids[0] ?? '', entry }
    await store.noteToken('id-9', whose)
    assert.deepEqual(await store.findToken('id-9'), whose)
    assert.equal(await store.findToken('id-8'), undefined)
  })

  it('ends with its totals, once, and is an open run no more', async () => {
    const store = await openLedger(runs)
    const run = newRun()
    const isOpen = async () => (await store.openRuns()).some((one) => one.run === run)
    const totals = { done: 1, failed: 0, superseded: 0, unfinished: 0 }
    await store.addRun(runOf(run), [startedRow(run)])
    assert.ok(await isOpen())
    await store.endRun(run, at(9), totals)
    await store.endRun(run, at(10), { ...totals, done: 2 })
    const ended = await store.readRun(run)
    assert.deepEqual([ended?.finished, ended?.totals, await isOpen()], [at(9), totals, false])
    const again = await store.addRun(runOf(run), [startedRow(run)])
    assert.deepEqual(
      [again.finished, await isOpen()],
      [at(9), false],
      'a start that comes late opens nothing',
    )
    await store.endRun(newRun(), at(9))
  })

  it('says of a row that is not there that it is not', async () => {
    const store = await openLedger(runs)
    assert.equal(await store.changeRow(newRun(), dune.entry, (row) => row), undefined)
  })
})

const totalsIn = (finished: Outgoing | undefined) => (finished?.body as RunFinished | undefined)?.totals

describe('the notifier’s handler', () => {
  beforeEach(async () => {
    const store = await openLedger(runs)
    for (const { run } of await store.openRuns()) await store.endRun(run, at(9))
  })
  const depsOf = async (extra = ''): Promise<NotifierDeps> => {
    const site = siteOf(
      `errorCountToSendMessage: 1\nnotifications: { admin_email: [admin@lab.example] }\n${extra}`,
    )
    return {
      ...{ site: () => site, ledger: await openLedger(runs), failures, targets: fakeKv().kv },
      news: newsIn(runs),
    }
  }
  /** What lies in the outbox after a look. */
  const toldBy = async (deps: NotifierDeps) => {
    const outbox: Outgoing[] = []
    await sendDigests(
      { ...deps, runs, publish: async (messages) => void outbox.push(...messages) },
      new Date(at(60)),
    )
    return outbox.map(({ body }) => body as Notification)
  }
  const handle = (deps: NotifierDeps, subject: string, body: object, deliveries = 1) =>
    handleFact({ subject, body, deliveries } as Received<never>, deps)
  const tell = (deps: NotifierDeps, { kind, body }: ReturnType<typeof pushed>, deliveries = 1) =>
    handle(deps, `token.${kind}.dune.production`, body, deliveries)

  it('finishes a run with its last target, tells of failures once, also when it is finished twice', async () => {
    const deps = await depsOf()
    const run = newRun()
    await handle(deps, 'run.started', startedEvent(run))
    for (const event of [ready(1, ['c1'], run), stored(2, 'c1', run), pushed(2, 'n1', run)])
      assert.deepEqual(await tell(deps, event), [])
    const [finished] = await tell(deps, failed(3, 'push', 'n2', { run, code: 'node-unreachable' }))
    assert.deepEqual(totalsIn(finished), {
      done: 2,
      failed: 1,
      superseded: 0,
      unfinished: 0,
    })
    await handle(deps, 'run.finished', finished?.body ?? {})
    const first = await toldBy(deps)
    assert.deepEqual(
      first.map(({ to }) => to),
      ['admin@lab.example', 'dune@lab.example'],
    )
    await handle(await depsOf(), 'run.finished', finished?.body ?? {})
    assert.deepEqual(await toldBy(deps), [])
    assert.ok((await deps.ledger.readRun(run))?.finished)
  })

  describe('of a plan in two parts', () => {
    const nova = { ...dune, entry: 'nova_production', experiment: 'nova', service: 'nova_production' }
    const partOf = (run: string, number: number): RunStarted => ({
      ...startedEvent(run),
      part: { number, of: 2, plan: 'x' },
      entries: [{ ...(number === 1 ? dune : nova), nodes: ['n1'] }],
    })
    const servedIn = async (deps: NotifierDeps, run: string) => {
      assert.deepEqual(await tell(deps, ready(1, [], run)), [])
      return tell(deps, pushed(2, 'n1', run))
    }

    it('ends the run when both were heard, in any order and twice, and all of both has ended', async () => {
      const deps = await depsOf()
      const run = newRun()
      for (const number of [1, 1]) await handle(deps, 'run.started', partOf(run, number))
      assert.deepEqual(await servedIn(deps, run), [])
      const late = await handle(await depsOf(), 'run.started', partOf(run, 2))
      assert.deepEqual(late, [])
      const body = { ...failed(3, 'refresh', undefined, { run }).body, ...nova }
      const [finished] = await handle(deps, 'token.failed.nova.production', body)
      assert.deepEqual(totalsIn(finished), { done: 1, failed: 1, superseded: 0, unfinished: 0 })
      assert.deepEqual((await deps.ledger.readRun(run))?.entries, [dune.entry, nova.entry])
    })

    it('ends it at its deadline where the other part never came', async () => {
      const deps = await depsOf()
      const run = newRun()
      await handle(deps, 'run.started', partOf(run, 1))
      await servedIn(deps, run)
      const [finished] = await endOverdueRuns(deps.ledger, new Date(at(6)), new Date(at(6)))
      assert.deepEqual(totalsIn(finished), { done: 1, failed: 0, superseded: 0, unfinished: 0 })
    })
  })

  it('keeps a result whose run it has not heard of yet, since its start may lie with a notifier that was killed', async () => {
    const deps = await depsOf()
    const run = newRun()
    await assert.rejects(tell(deps, ready(1, [], run)), RetryLater)
    await handle(deps, 'run.started', startedEvent(run))
    await tell(deps, ready(1, [], run), 2)
    assert.equal(brief(await rowOf(deps.ledger, run)), 'refresh=done n1=waiting n2=waiting')
  })
  it('drops a result whose run nobody keeps, in the end', async () => {
    assert.deepEqual(await tell(await depsOf(), ready(1, [], newRun()), 20), [])
  })

  describe('after the end of a run', () => {
    beforeEach(async () => {
      for await (const key of await failures.keys()) await failures.purge(key)
    })
    const failedAt = (minutes: number, run: string) =>
      failed(minutes, 'push', 'n2', { run, code: 'node-unreachable' })
    async function finish(deps: NotifierDeps, run: string, mode = { push: true, notify: true }) {
      const totals = { done: 0, failed: 0, superseded: 0, unfinished: 0 }
      await handle(deps, 'run.finished', { ...ofRun(run, 5), started: at(0), mode, totals })
    }
    const subjects = async (deps: NotifierDeps) =>
      (await toldBy(deps)).map(({ to, subject }) => `${to} ${subject.replace(/ since.*/, '')}`)
    const both = [
      'admin@lab.example dune_production: token not on n2',
      'dune@lab.example dune_production: token not on n2',
    ]

    it('counts what came with it, though its notifier died when it had written that down', async () => {
      const [deps, other] = [await depsOf(), await depsOf()]
      const run = newRun()
      await handle(deps, 'run.started', startedEvent(run))
      const changeRow: LedgerStore['changeRow'] = async (...what) => {
        await finish(other, run)
        await deps.ledger.changeRow(...what)
        throw new Error('killed')
      }
      const dying = { ...deps, ledger: { ...deps.ledger, changeRow } }
      await assert.rejects(tell(dying, failedAt(3, run)), /killed/)
      await tell(deps, failedAt(3, run), 2)
      assert.deepEqual(await subjects(deps), both)
    })
    it('tells of what had failed in it no second time, whichever failure comes late', async () => {
      const deps = await depsOf()
      const run = newRun()
      await handle(deps, 'run.started', startedEvent(run))
      await tell(deps, failedAt(3, run))
      await finish(deps, run)
      assert.deepEqual(await subjects(deps), both)
      for (const minutes of [3, 9]) await tell(deps, failedAt(minutes, run))
      assert.deepEqual(await subjects(deps), [])
    })
    it('nor of what failed in a test, which counts nothing', async () => {
      const deps = await depsOf('notifications_test: { admin_email: [tester@lab.example] }')
      const mode = { push: false, notify: true }
      const run = newRun()
      await handle(deps, 'run.started', { ...startedEvent(run), mode })
      const event = failed(3, 'refresh', undefined, { run, code: 'vault-unreachable' })
      await tell(deps, event)
      await finish(deps, run, mode)
      assert.deepEqual(await subjects(deps), ['tester@lab.example [test] dune_production: no token'])
      await tell(deps, event, 2)
      assert.deepEqual(await subjects(deps), [])
    })
  })

  it('ends a run at its deadline: what waits is unfinished, and administrators hear of it as one, stakeholders nothing', async () => {
    const deps = await depsOf()
    const run = newRun()
    await handle(deps, 'run.started', startedEvent(run))
    await tell(deps, ready(1, ['c1'], run))
    await tell(deps, pushed(2, 'n1', run))
    const mine = async (minutes: number) =>
      (await endOverdueRuns(deps.ledger, new Date(at(minutes)), new Date(at(minutes)))).filter(
        ({ body }) => (body as RunFinished).run === run,
      )
    assert.deepEqual(await mine(4), [])
    const [finished] = await mine(5)
    assert.deepEqual(totalsIn(finished), {
      done: 1,
      failed: 0,
      superseded: 0,
      unfinished: 2,
    })
    for (let times = 0; times < 2; times += 1) await handle(deps, 'run.finished', finished?.body ?? {})
    assert.deepEqual(
      (await toldBy(deps)).map(({ to, subject }) => `${to} ${subject}`),
      ['admin@lab.example managed-tokens: 2 targets were not reached before the run’s end: 1 on n2, 1 in c1'],
    )
    assert.deepEqual(await mine(6), [])
  })

  it('ends an older run’s waiting entry when the newer one has its token', async () => {
    const deps = await depsOf()
    const [older, newer] = [newRun(), newRun()]
    for (const run of [older, newer]) await handle(deps, 'run.started', startedEvent(run))
    const finished = await tell(deps, ready(1, [], newer))
    assert.ok(finished.some(({ body }) => (body as RunFinished).run === older))
    assert.equal(brief(await rowOf(deps.ledger, older)), 'refresh=superseded n1=superseded n2=superseded')
  })
})

describe('the counts of failures in their bucket', () => {
  const failing = { entry: 'dune_production', kind: 'node', name: 'count.lab.example' } as const
  const count = async (run: string, one: Failing = failing, consecutive = 2) => {
    const result = { run, at: at(1), by: run, failed: { consecutive } }
    const { count, isTold } = await countOnce(failures, failingKey(one), result)
    return { ...count, told: isTold }
  }
  it('count each run once, are ended by a success, and never by an older one', async () => {
    const [a, b, c] = [newRun(), newRun(), newRun()]
    assert.equal((await count(a)).told, false)
    assert.equal((await count(b)).told, true)
    assert.equal((await count(b)).told, true)
    assert.equal((await count(a)).told, false, 'an older run tells nothing of its own')
    const succeed = async (run: string) =>
      (await countOnce(failures, failingKey(failing), { run, at: at(2), by: run })).recovered
    assert.equal(await succeed(a), undefined)
    assert.equal((await count(c)).runs, 3)
    assert.deepEqual(await succeed(c), { since: at(1), runs: 3, ends: ['failure'] })
    assert.equal((await count(newRun())).runs, 1)
  })
  it('lose no run when two notifiers count at once', async () => {
    const mine = { ...failing, name: 'both.lab.example' }
    const run = newRun()
    await Promise.all([1, 2, 3, 4].map(() => count(run, mine, 9)))
    assert.equal((await count(newRun(), mine, 9)).runs, 2)
  })
  it('of the predecessor are taken over, and go on here; what is counted here already stays', async () => {
    const [theirs, both] = ['their.lab.example', 'both-counted.lab.example'].map((name) => ({
      ...failing,
      name,
    })) as [Failing, Failing]
    await count(newRun(), both, 9)
    const counts = [theirs, both].map((one) => ({ failing: one, count: 2 }))
    assert.equal(await importCounts(failures, counts, at(0)), 1)
    const next = await count(newRun(), theirs, 3)
    assert.deepEqual([next.runs, next.told, next.since], [3, true, at(0)])
    assert.equal((await count(newRun(), both, 9)).runs, 2)
  })
})
