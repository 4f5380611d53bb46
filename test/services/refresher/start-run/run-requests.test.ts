/** Requests for runs: the same one twice is one run, too many are refused, and a long list costs nothing. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findIdentical } from '../../../../services/refresher/start-run/joined.ts'
import { openRunLimit } from '../../../../services/refresher/start-run/run-limit.ts'
import { chooseEntries, openRunRequests } from '../../../../services/refresher/start-run/run-request.ts'
import type { Bus } from '../../../../shared/bus/connect.ts'
import { ledgerKey, runKey } from '../../../../shared/contracts/subjects.ts'
import { at, dune, nothingRevoked, ofRun, runIds, siteOf } from '../../build.ts'
import { fakeKv } from '../../fake-kv.ts'

const site = siteOf()
const full = { push: true, notify: true }

/** Answers requests on a bus that keeps the last `run.started`, and on a ledger. */
function openRefresher(now = () => 0) {
  const runs = fakeKv()
  const started: Uint8Array[] = []
  const js = {
    publish: async (_subject: string, text: string) => void started.push(Buffer.from(text)),
  }
  const bus = { js, lastMessage: async () => ({ data: started.at(-1) }) } as unknown as Bus
  const kv = Object.assign(runs.kv, { update: async (key: string, value: string) => runs.put(key, value) })
  const ask = openRunRequests(
    { bus, runs: kv, freshSite: () => site, revoked: nothingRevoked },
    openRunLimit(now),
  )
  return { ask, runs, started }
}

const lastRun = (last: Uint8Array | undefined, queued: boolean) => ({
  askLast: async () => last,
  isQueued: async () => queued,
})

describe('the same run', () => {
  it('asked for many times at once is one run, whose id each gets', async () => {
    const { ask, started } = openRefresher()
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask({})))
    assert.equal(new Set(answers.map(({ run }) => run)).size, 1)
    assert.ok(
      answers.every(({ entries, joined }) => entries.length === 2 && Object.keys(joined).length === 0),
    )
    assert.equal(started.length, 1)
  })
  it('is another one where it is of other entries, or does less or more', async () => {
    const { ask, started } = openRefresher()
    for (const body of [{}, { services: ['dune_production'] }, { experiment: 'nova' }, { push: false }, {}])
      await ask(body)
    assert.equal(started.length, 5)
  })

  const plan = (more: object = {}) =>
    Buffer.from(
      JSON.stringify({
        ...{ ...ofRun(runIds[1]), deadline: at(5), configHash: 'x', trigger: 'request', mode: full },
        ...{ entries: [{ ...dune, nodes: [] }], ...more },
      }),
    )
  const entries = site.entries.filter(({ name }) => name === dune.entry)
  const same = (last: Buffer | undefined, state?: string, finished?: string, minutes = 1, queued = true) => {
    const runs = fakeKv()
    const head = { run: runIds[1], deadline: at(5), mode: full, entries: [dune.entry] }
    runs.put(runKey(runIds[1]), { ...head, ...(finished && { finished }) })
    if (state) runs.put(ledgerKey(runIds[1], dune.entry), { refresh: { state }, targets: [] })
    return findIdentical(entries, full, runs.kv, lastRun(last, queued), new Date(at(minutes)))
  }
  const table: Record<string, [Promise<string | undefined>, string | undefined]> = {
    'is the last one while its entries wait': [same(plan(), 'waiting'), runIds[1]],
    'is the last one while no notifier can have written it down': [
      findIdentical(entries, full, fakeKv().kv, lastRun(plan(), true), new Date(at(0))),
      runIds[1],
    ],
    'is a new one where no notifier has written the last one down': [
      findIdentical(entries, full, fakeKv().kv, lastRun(plan(), true), new Date(at(1))),
      undefined,
    ],
    'is a new one where somebody has overwritten what was written down': [same(plan()), undefined],
    'is a new one once a token of the last was made: that one takes over what waits': [
      same(plan(), 'done'),
      undefined,
    ],
    'is a new one once something of the last has failed': [same(plan(), 'failed'), undefined],
    'is a new one where what the last put into the queue was lost': [
      same(plan(), 'waiting', undefined, 1, false),
      undefined,
    ],
    'is the last one while its items may not all be in the queue yet': [
      same(plan(), 'waiting', undefined, 0.5, false),
      runIds[1],
    ],
    'is a new one where the last has finished': [same(plan(), 'waiting', at(1)), undefined],
    'is a new one after the deadline of the last': [same(plan(), 'waiting', undefined, 6), undefined],
    'is a new one where the last cannot be read': [same(Buffer.from('garbage')), undefined],
    'is a new one where the last is of the year 9999': [
      same(plan({ run: '7ZZZZZZZZZZZZZZZZZZZZZZZZZ' })),
      undefined,
    ],
    'is a new one where there was none': [same(undefined), undefined],
  }
  for (const [what, [found, expected]] of Object.entries(table))
    it(what, async () => assert.equal(await found, expected))
})

describe('many runs', () => {
  it('are refused beyond what ends in time, and taken again later', async () => {
    let now = 0
    const { ask, started } = openRefresher(() => now)
    const services = [['dune_production'], ['nova_production']]
    const ask860 = () =>
      Promise.allSettled(Array.from({ length: 860 }, (_, index) => ask({ services: services[index % 2] })))
    await ask860()
    assert.equal(started.length, 30)
    await assert.rejects(ask({}), { name: 'RequestError', code: 'too-many-requests', message: /30 runs/ })
    now += 4_000
    await ask860()
    assert.equal(started.length, 32)
  })
})

describe('a list of services', () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => `service${index}_x`)
  it('of which none is known names ten of them, and counts the others', () => {
    assert.throws(() => chooseEntries(site, { services: many(9_000) }), {
      name: 'RequestError',
      message: /^(No service \S+; did you mean \S+\? ){10}And 8990 more that are unknown\.$/,
    })
  })
  it('or a name that is longer than any site’s is refused', async () => {
    const { ask } = openRefresher()
    await assert.rejects(ask({ services: many(10_001) }), { message: /^services: Too big/ })
    await assert.rejects(ask({ services: ['x'.repeat(201)] }), { message: /^services\.0: Too big/ })
    await assert.rejects(ask({ experiment: 'x'.repeat(201) }), { message: /^experiment: Too big/ })
  })
})
