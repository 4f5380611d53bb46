import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { sendDigests } from '../../../../services/notifier/digest/send-digests.ts'
import { handleFact, type NotifierDeps } from '../../../../services/notifier/handle.ts'
import type { RowEvent } from '../../../../services/notifier/ledger/ledger.ts'
import { openLedger } from '../../../../services/notifier/ledger/ledger-store.ts'
import { endOverdueRuns } from '../../../../services/notifier/ledger/run-end.ts'
import { watchExpiry } from '../../../../services/notifier/watch/watch-expiry.ts'
import { watchSilence } from '../../../../services/notifier/watch/watch-silence.ts'
import type { Outgoing } from '../../../../shared/bus/publish.ts'
import type { Notification } from '../../../../shared/contracts/messages.ts'
import { nextRunId } from '../../../../shared/contracts/run-id.ts'
import { pushSubject, storeSubject } from '../../../../shared/contracts/subjects.ts'
import type { Received } from '../../../../shared/work/consume/handle-message.ts'
import type { TargetRecord } from '../../../../shared/work/target-record.ts'
import { type NotifierBus, openNotifierBus } from '../../../support/notifier.ts'
import { at, dune, ofRun, runIds, siteOf } from '../../build.ts'
import { fakeKv } from '../../fake-kv.ts'
import { brief, failed, pushed, ready, stored } from '../events.ts'
import { recipients } from '../pieces.ts'

const hour = 60
let last: string | undefined
function newRun(): string {
  last = nextRunId(last, Date.now())
  return last
}

describe('what the notifier watches by the clock', () => {
  let on: NotifierBus
  let deps: NotifierDeps
  const all = ['dune_production', 'nova_production']
  before(async () => {
    on = await openNotifierBus()
  })
  after(() => on?.[Symbol.asyncDispose]())
  beforeEach(async () => {
    deps = await on.deps(() => siteOf(`${recipients}\nschedule: { cron: "0 * * * *" }`))
  })

  /** The headlines of what is mailed at that minute, by addressee. */
  async function mailedAt(minutes: number): Promise<{ admin: string[]; dune: string[] }> {
    const outbox: Outgoing[] = []
    const publish = async (messages: readonly Outgoing[]) => void outbox.push(...messages)
    await sendDigests({ ...deps, runs: on.runs, publish }, new Date(at(minutes)))
    const messages = outbox.map(({ body }) => body as Notification)
    const to = (address: string) =>
      messages
        .filter((message) => message.to === address)
        .flatMap(({ rows = [] }) => rows.map(({ headline }) => headline))
    return { admin: to('admin@lab.example'), dune: to('dune@lab.example') }
  }
  /** The headlines of what administrators are mailed at that minute. */
  const toldAt = async (minutes: number) => (await mailedAt(minutes)).admin
  const handle = (subject: string, body: object) =>
    handleFact({ subject, body, deliveries: 1 } as Received<never>, deps)
  async function start(run: string, minutes: number, entries = all, mode = { push: true, notify: true }) {
    await handle('run.started', {
      ...{ ...ofRun(run, minutes), deadline: at(minutes + 5), configHash: 'x', trigger: 'schedule', mode },
      entries: entries.map((entry) => ({ ...dune, entry, nodes: ['n1', 'n2'] })),
    })
  }
  /** A run of these entries, in which every refresh failed or nothing was tried. */
  async function finish(minutes: number, entries = all, isTried = true): Promise<void> {
    const run = newRun()
    await start(run, minutes, entries)
    if (isTried)
      for (const entry of entries) {
        const { body } = failed(minutes, 'refresh', undefined, { run, entry, code: 'kdc-unreachable' })
        await handle('token.failed.dune.production', body)
      }
    await end(run, minutes)
  }
  /** A run of `dune_production` for the credd `c1`, in which this happened. */
  async function runOfDune(minutes: number, ...events: ((run: string) => RowEvent)[]): Promise<void> {
    const run = newRun()
    await start(run, minutes, [dune.entry])
    for (const event of events) {
      const { kind, body } = event(run)
      await handle(`token.${kind}.dune.production`, body)
    }
    await end(run, minutes)
  }
  async function end(run: string, minutes: number): Promise<void> {
    await handle('run.finished', {
      ...{ ...ofRun(run, minutes + 5), started: at(minutes), mode: { push: true, notify: true } },
      totals: { done: 0, failed: 0, superseded: 0, unfinished: 0 },
    })
  }

  describe('silence', () => {
    const settled = (isSilent: boolean) => isSilent
    const noRun = async () => runIds[0]
    const watch = (minutes: number) => watchSilence(deps, new Date(at(minutes)), noRun, settled)
    const silent = (subjects: string[]) => subjects.filter((one) => one.includes('finish'))
    it('is told once after twice the period, also after a restart, and that it is over', async () => {
      await watch(0)
      await watch(2 * hour)
      assert.deepEqual(silent(await toldAt(2 * hour)), [])
      for (const minutes of [2 * hour + 1, 3 * hour]) {
        deps = await on.deps(deps.site)
        await watch(minutes)
      }
      assert.deepEqual(silent(await toldAt(3 * hour)), [
        'managed-tokens: no run has finished since 06:00 UTC',
      ])
      await watch(9 * hour)
      assert.deepEqual(silent(await toldAt(9 * hour)), [])
      await finish(10 * hour)
      assert.deepEqual(silent(await toldAt(10 * hour + 6)), ['managed-tokens: runs finish again after 10h5m'])
      await finish(11 * hour)
      await watch(11 * hour + 6)
      assert.deepEqual(silent(await toldAt(11 * hour + 6)), [])
    })
    it('is not broken by a run of some services, nor by one in which nothing was tried', async () => {
      await finish(20 * hour)
      await toldAt(20 * hour)
      await finish(21 * hour, all.slice(0, 1))
      await finish(22 * hour, all, false)
      await watch(22 * hour + 6)
      const [told = '', ...more] = silent(await toldAt(22 * hour + 6))
      assert.match(told, /no run has finished since/)
      assert.deepEqual(more, [])
    })
    it('does not exist where the schedule is off', async () => {
      deps = await on.deps(() => siteOf(`${recipients}\nschedule: { cron: false }`))
      await finish(30 * hour)
      await toldAt(30 * hour)
      await watch(90 * hour)
      assert.deepEqual(await toldAt(90 * hour), [])
    })
    it('is not told before what a waking machine starts has had its time', async () => {
      await finish(100 * hour)
      await toldAt(100 * hour)
      await watchSilence(deps, new Date(at(200 * hour)), noRun, () => false)
      assert.deepEqual(await toldAt(200 * hour), [])
    })
  })

  describe('the end of a token', () => {
    const key = pushSubject(dune, 'node1.lab.example')
    const put = (lastSuccess: number, expiry: number) => {
      const record: TargetRecord = {
        ...{ entry: dune.entry, target: 'node1.lab.example', run: runIds[0], holder: 'h', attempts: 1 },
        ...{ lastAttempt: at(lastSuccess), lastSuccess: at(lastSuccess), expiry: at(expiry) },
      }
      return on.targets.put(key, JSON.stringify(record))
    }
    const look = async (minutes: number) => {
      await watchExpiry(deps, new Date(at(minutes)))
      return toldAt(minutes)
    }
    it('is warned of once for each halving, by whichever notifier looks, and that it is over', async () => {
      const day = 24 * hour
      await put(0, 7 * day)
      assert.deepEqual(await look(day), [])
      const [first] = await look(5 * day + 1)
      assert.match(
        first ?? '',
        /^dune_production: token on node1\.lab\.example ends in 1d23h, .*not replaced$/,
      )
      deps = await on.deps(deps.site)
      assert.deepEqual(await look(5 * day + 10), [])
      assert.match((await look(6 * day))[0] ?? '', /ends in 1d, /)
      assert.match((await look(7 * day))[0] ?? '', /has ended at/)
      assert.deepEqual(await look(8 * day), [])
      await put(8 * day + 30, 15 * day)
      const [over] = await look(8 * day + 31)
      assert.equal(over, 'dune_production: token on node1.lab.example again after 3d')
      assert.deepEqual(await look(8 * day + 41), [])
    })

    it('that failures were told of too is over once for everybody, also for those who were warned alone', async () => {
      const day = 24 * hour
      const [from, credd] = [400 * day, 'c1']
      // As the storer keeps it.
      const targets = fakeKv()
      const replaced = (minutes: number, expiry: number) => {
        const record: TargetRecord = {
          ...{ entry: dune.entry, target: credd, run: runIds[0], holder: 'h', attempts: 1 },
          ...{ lastAttempt: at(minutes), lastSuccess: at(minutes), expiry: at(expiry) },
        }
        targets.put(storeSubject(dune, credd), record)
      }
      const good = (minutes: number) =>
        runOfDune(
          minutes,
          (run) => ready(minutes, [credd], run),
          (run) => stored(minutes, credd, run),
        )
      const mailed = async (minutes: number) => {
        const { admin, dune } = await mailedAt(minutes)
        const ofCredd = (one: string) => one.includes(`token in ${credd}`) || one.includes(`not in ${credd}`)
        return { admin: admin.filter(ofCredd), dune: dune.filter(ofCredd) }
      }
      const lookAt = async (minutes: number) => {
        await watchExpiry({ ...deps, targets: targets.kv }, new Date(at(minutes)))
        return mailed(minutes)
      }
      replaced(from, from + 7 * day)
      await good(from)
      await mailedAt(from)
      await runOfDune(
        from + day,
        (run) => ready(from + day, [credd], run),
        (run) => failed(from + day, 'store', credd, { run, code: 'credd-unreachable' }),
      )
      const trouble = await mailed(from + day)
      assert.match(trouble.admin.join(), /^dune_production: token not in c1 since/)
      assert.deepEqual(trouble.dune, [])
      const warning = await lookAt(from + 6 * day)
      assert.match(warning.dune.join(), /^dune_production: token in c1 ends in 1d, /)
      assert.deepEqual(warning.admin, warning.dune)

      replaced(from + 6 * day + 30, from + 13 * day)
      const nothing = { admin: [], dune: [] }
      assert.deepEqual(await lookAt(from + 6 * day + 30), nothing, 'its run is still going on')
      await good(from + 6 * day + 30)
      const over = await mailed(from + 6 * day + 35)
      assert.deepEqual(over.dune, ['dune_production: token in c1 again after 5d (1 run)'])
      assert.deepEqual(over.admin, over.dune)
      assert.deepEqual(await lookAt(from + 6 * day + 40), nothing)
    })
  })

  it('a login that people were asked for is over for those who were asked, and nothing else is', async () => {
    const from = 500 * 24 * hour
    const told = async (stakeholders: string) => {
      deps = await on.deps(() => siteOf(recipients.replace('}', `, stakeholders: [${stakeholders}] }`)))
      const ofTokens = async (minutes: number) =>
        (await mailedAt(minutes)).dune.filter((one) => / no token |tokens are made/.test(one)).length
      const good = (minutes: number) => runOfDune(minutes, (run) => ready(minutes, [], run))
      await good(from)
      await mailedAt(from)
      await runOfDune(from + hour, (run) =>
        failed(from + hour, 'refresh', undefined, { run, code: 'authentication-needed' }),
      )
      const asked = await ofTokens(from + hour)
      await good(from + 2 * hour)
      return [asked, await ofTokens(from + 2 * hour)]
    }
    assert.deepEqual(await told('authentication, expiring, recovered'), [1, 1])
    assert.deepEqual(await told('expiring, recovered'), [0, 0])
    assert.deepEqual(await told('authentication'), [1, 0])
  })

  describe('two notifiers', () => {
    it('know of each other’s runs: what a newer run has taken over is superseded, not unfinished', async () => {
      const [early, other] = [deps, await on.deps(deps.site)]
      const [older, newer] = [newRun(), newRun()]
      await start(older, 300 * hour, [dune.entry])
      deps = other
      await start(newer, 300 * hour + 1, [dune.entry])
      deps = early
      await handle('token.ready.dune.production', ready(300 * hour + 2, [], newer).body)
      const row = await early.ledger.readRow(older, dune.entry)
      assert.equal(row && brief(row), 'refresh=superseded n1=superseded n2=superseded')
    })
    it('agree at the deadline, though one heard of the older run after the newer’s results', async () => {
      const [older, newer] = [newRun(), newRun()]
      await start(newer, 310 * hour + 1, [dune.entry])
      await handle('token.ready.dune.production', ready(310 * hour + 2, [], newer).body)
      await handle('token.pushed.dune.production', pushed(310 * hour + 2, 'n1', newer).body)
      deps = await on.deps(deps.site)
      await start(older, 310 * hour, [dune.entry])
      const late = new Date(at(310 * hour + 30))
      await endOverdueRuns(deps.ledger, late, late)
      const rows = await Promise.all([older, newer].map((run) => deps.ledger.readRow(run, dune.entry)))
      assert.deepEqual(
        rows.map((row) => row && brief(row)),
        ['refresh=superseded n1=superseded n2=superseded', 'refresh=done n1=done n2=unfinished'],
      )
    })
    it('leave to a fuller run what a weaker one was not to take from it', async () => {
      const [fuller, weaker] = [newRun(), newRun()]
      await start(fuller, 320 * hour, [dune.entry])
      await start(weaker, 320 * hour + 1, [dune.entry], { push: true, notify: false })
      await handle('token.ready.dune.production', ready(320 * hour + 2, [], fuller).body)
      const late = new Date(at(320 * hour + 30))
      await endOverdueRuns(deps.ledger, late, late)
      const row = await deps.ledger.readRow(weaker, dune.entry)
      assert.equal(row?.refresh.state, 'superseded')
    })
    it('do not end a run at its deadline while its events lie unheard', async () => {
      const run = newRun()
      await start(run, 330 * hour, [dune.entry])
      const now = new Date(at(340 * hour))
      const mine = async (handledUntil: Date) =>
        (await endOverdueRuns(await openLedger(on.runs), now, handledUntil)).some(({ id }) =>
          id.startsWith(run),
        )
      assert.equal(await mine(new Date(at(330 * hour + 4))), false)
      assert.equal(await mine(new Date(at(330 * hour + 5))), true)
    })
  })
})
