import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import pino from 'pino'
import { isDue, renewalCron, startRenewal } from '../../../../services/refresher/schedule/renew-bearers.ts'
import type { RunStarted, TokenReady } from '../../../../shared/contracts/messages.ts'
import { latestRunKey } from '../../../../shared/contracts/subjects.ts'
import type { TargetRecord } from '../../../../shared/work/target-record.ts'
import { at, nothingRevoked, readyOf, recordOf, runIds, siteOf } from '../../build.ts'
import { fakeBus } from '../../fake-bus.ts'
import { fakeKv } from '../../fake-kv.ts'

const bearer = 'deliver: [vault, {bearer: {scopes: compute.read}}]'
const done = (ready: Partial<TokenReady>): Pick<TargetRecord, 'run' | 'ended'> => ({
  run: runIds[0],
  ended: {
    run: runIds[0],
    kind: 'done',
    messages: [{ kind: 'fact', subject: 'token.ready.dune.production', id: '1', body: readyOf(ready) }],
  },
})
const now = Date.parse(at(30))

describe('a renewal of bearer tokens is due', () => {
  const failed = {
    run: runIds[0],
    kind: 'failed',
    failure: { code: 'timeout', message: '', action: '' },
  } as const
  const table: Record<string, [Pick<TargetRecord, 'run' | 'ended'>, boolean]> = {
    'when its time has come': [done({ renewAt: at(30) }), true],
    'not before': [done({ renewAt: at(31) }), false],
    'not where nothing hurries': [done({}), false],
    'where the last refresh left the nodes alone': [
      done({ renewAt: at(60), mode: { push: false, notify: true } }),
      true,
    ],
    'not while a refresh is under way': [{ ...done({ renewAt: at(1) }), run: runIds[1] }, false],
    'not where the last refresh failed': [{ run: runIds[0], ended: failed }, false],
    'not where there was none': [{ run: runIds[0] }, false],
  }
  for (const [when, [record, due]] of Object.entries(table))
    it(when, () => assert.equal(isDue(record, now), due))
})

describe('renewals are looked for', () => {
  it('every minute where an entry has bearer tokens and the schedule is on, else never', () => {
    assert.equal(renewalCron(siteOf('', bearer)), '* * * * *')
    assert.equal(renewalCron(siteOf()), false)
    assert.equal(renewalCron(siteOf('schedule: {cron: false}', bearer)), false)
  })
})

describe('a firing of the renewals', () => {
  const look = async (records: Record<string, object>, begun?: string, waiting: string[] = []) => {
    const { bus, published } = fakeBus(waiting)
    const [targets, runs] = [fakeKv(), fakeKv()]
    for (const [key, record] of Object.entries(records)) targets.put(key, recordOf(runIds[0], record))
    runs.put(latestRunKey, runIds[0])
    const begins: string[] = []
    const kv = Object.assign(runs.kv, {
      update: async (key: string, value: string) => runs.put(key, value),
    })
    await startRenewal(
      { due: at(30), begun, begin: async (what) => void begins.push(what) },
      { bus, runs: kv, targets: targets.kv, freshSite: () => siteOf('', bearer), revoked: nothingRevoked },
      pino({ level: 'silent' }),
    )
    return { published: published.map(({ id, body }) => ({ id, body: body as RunStarted })), begins }
  }
  const past = new Date(Date.now() - 1_000).toISOString()
  const future = new Date(Date.now() + 600_000).toISOString()
  const dune = 'refresh.dune.production'

  it('starts a run of the entries that are due, and of no other', async () => {
    const { published, begins } = await look({
      [dune]: done({ renewAt: past }),
      // Has no bearer tokens any more.
      'refresh.nova.production': done({ renewAt: past }),
    })
    assert.deepEqual(
      published.map(({ body }) => [body.trigger, body.entries.map(({ entry }) => entry)]),
      [['schedule', ['dune_production']]],
    )
    assert.deepEqual(begins, [published[0]?.body.run], 'written down before it was begun')
    assert.ok((begins[0] ?? '') > runIds[0])
  })

  it('starts nothing where nothing is due', async () => {
    assert.deepEqual(await look({ [dune]: done({ renewAt: future }) }), { published: [], begins: [] })
    assert.deepEqual(await look({}), { published: [], begins: [] })
  })

  it('starts nothing where the entry waits in the queue already', async () => {
    const due = { [dune]: done({ renewAt: past }) }
    assert.deepEqual(await look(due, undefined, [dune]), { published: [], begins: [] })
  })

  it('taken over from another refresher goes on under the same id', async () => {
    const { published, begins } = await look({ [dune]: done({ renewAt: past }) }, runIds[2])
    assert.deepEqual(begins, [])
    assert.deepEqual(
      published.map(({ id, body }) => [id, body.run]),
      [[`${runIds[2]}.started`, runIds[2]]],
    )
  })
})
