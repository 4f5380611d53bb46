import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KV } from '@nats-io/kv'
import { listServices } from '../../../services/refresher/answer-services.ts'
import { findJoined } from '../../../services/refresher/start-run/joined.ts'
import { chooseEntries, type RunRequest } from '../../../services/refresher/start-run/run-request.ts'
import type { Site } from '../../../shared/config/site.ts'
import { failure } from '../../../shared/contracts/errors.ts'
import {
  encodeToken,
  latestRunKey,
  ledgerKey,
  pushSubject,
  refreshSubject,
  runKey,
  storeSubject,
} from '../../../shared/contracts/subjects.ts'
import { isWeaker } from '../../../shared/contracts/weaker-run.ts'
import type { RevokedList } from '../../../shared/work/revoked.ts'
import type { TargetRecord } from '../../../shared/work/target-record.ts'
import { at, dune, ofRun, recordOf, runIds, siteOf } from '../build.ts'
import { fakeKv } from '../fake-kv.ts'

describe('the entries a request names', () => {
  const choose = (request: Partial<RunRequest>) => chooseEntries(siteOf(), request).map(({ name }) => name)
  const table: Record<string, [Partial<RunRequest>, string[]]> = {
    'are all when it names none': [{}, ['dune_production', 'nova_production']],
    'are those of its experiment': [{ experiment: 'dune' }, ['dune_production']],
    'are its services, in the configuration’s order': [
      { services: ['nova_production', 'dune_production'] },
      ['dune_production', 'nova_production'],
    ],
    'are found whatever the case': [
      { services: ['DUNE_Production'], experiment: 'Dune' },
      ['dune_production'],
    ],
    'are both wishes at once': [
      { services: ['nova_production', 'dune_production'], experiment: 'dune' },
      ['dune_production'],
    ],
  }
  for (const [what, [request, expected]] of Object.entries(table))
    it(what, () => assert.deepEqual(choose(request), expected))

  const refused: Record<string, [Partial<RunRequest>, RegExp]> = {
    'a service that is nearly one': [
      { services: ['dune_prodution'] },
      /No service dune_prodution; did you mean dune_production\?/,
    ],
    'several that are none': [
      { services: ['nova_x', 'dune_y', 'dune_production'] },
      /nova_x.*did you mean.*dune_y.*did you mean/,
    ],
    'an experiment that is nearly one': [{ experiment: 'nov' }, /No experiment nov; did you mean nova\?/],
    'services of another experiment': [
      { services: ['nova_production'], experiment: 'dune' },
      /^None of these services is of the experiment dune\.$/,
    ],
    'an empty list': [{ services: [] }, /^The list services is empty: name some, or leave it out for all\.$/],
  }
  for (const [what, [request, message]] of Object.entries(refused))
    it(`are refused, with the nearest known where there is one, for ${what}`, () => {
      assert.throws(() => choose(request), { name: 'RequestError', message })
    })
  it('are refused where nothing is configured', () => {
    assert.throws(() => chooseEntries({ entries: [] }, { services: ['x_y'] }), /none is configured/)
  })
})

describe('a weaker run', () => {
  const mode = (push: boolean, notify: boolean) => ({ push, notify })
  const table: [boolean, boolean, boolean, boolean, boolean][] = [
    [true, true, true, true, false],
    [false, true, true, true, true],
    [true, false, true, true, true],
    [false, false, true, true, true],
    [true, true, false, false, false],
    [false, true, true, false, true],
    [false, false, false, false, false],
  ]
  for (const [push, notify, otherPush, otherNotify, expected] of table)
    it(`push ${push}, notify ${notify} is ${expected ? '' : 'not '}weaker than push ${otherPush}, notify ${otherNotify}`, () =>
      assert.equal(isWeaker(mode(push, notify), mode(otherPush, otherNotify)), expected))

  const ledger = (finished: boolean, state: string, fullMode = mode(true, true)) => {
    const runs = fakeKv()
    runs.put(latestRunKey, runIds[0])
    runs.put(runKey(runIds[0]), {
      run: runIds[0],
      deadline: at(5),
      mode: fullMode,
      entries: ['dune_production'],
      ...(finished ? { finished: at(1) } : {}),
    })
    runs.put(ledgerKey(runIds[0], 'dune_production'), { refresh: { state: 'done' }, targets: [{ state }] })
    return runs.kv
  }
  const joined = (asked: { push: boolean; notify: boolean }, runs = ledger(false, 'waiting')) =>
    findJoined(siteOf().entries, asked, runs)
  it('leaves alone what a fuller one is working on', async () => {
    assert.deepEqual(await joined(mode(false, true)), { dune_production: runIds[0] })
  })
  it('leaves alone nothing that has ended there', async () => {
    assert.deepEqual(await joined(mode(false, true), ledger(true, 'waiting')), {})
    assert.deepEqual(await joined(mode(false, true), ledger(false, 'done')), {})
  })
  it('leaves alone nothing of a run that does no more than itself', async () => {
    assert.deepEqual(await joined(mode(false, true), ledger(false, 'waiting', mode(false, true))), {})
  })
  it('leaves alone nothing of a run whose deadline has passed, whatever still waits there', async () => {
    const late = (minutes: number) =>
      findJoined(
        siteOf().entries,
        mode(false, true),
        ledger(false, 'waiting'),
        undefined,
        new Date(at(minutes)),
      )
    assert.deepEqual([await late(4), await late(5)], [{ dune_production: runIds[0] }, {}])
  })
  it('leaves alone what a fuller one is to do that no notifier has written down yet', async () => {
    const plan = JSON.stringify({
      ...{
        ...ofRun(runIds[1]),
        deadline: at(5),
        configHash: 'x',
        trigger: 'schedule',
        mode: mode(true, true),
      },
      entries: [{ ...dune, nodes: [] }],
    })
    const asked = (text: string, minutes: number) =>
      findJoined(
        siteOf().entries,
        mode(true, false),
        fakeKv().kv,
        async () => Buffer.from(text),
        new Date(at(minutes)),
      )
    assert.deepEqual(await asked(plan, 1), { dune_production: runIds[1] })
    assert.deepEqual(await asked(plan, 6), {})
    assert.deepEqual(await asked('not a plan', 1), {})
  })
  it('is not a full one, which takes over everything', async () =>
    assert.deepEqual(await joined(mode(true, true)), {}))
})

describe('the answer about services', () => {
  const done = { run: runIds[1], kind: 'done', messages: [] } as const
  const record = (more: Partial<TargetRecord>) => recordOf(runIds[1], more)
  const nobody = async (): Promise<RevokedList> => ({ services: [] })
  const ask = async (records: Record<string, TargetRecord>, role = '', revoked = nobody) => {
    const [targets, uids] = [fakeKv(), fakeKv()]
    for (const [key, value] of Object.entries(records)) targets.put(key, value)
    uids.put(encodeToken('novapro'), { account: 'novapro', uid: 4711, at: at(0) })
    const deps = { site: () => siteOf('', role), targets: targets.kv, uids: uids.kv, revoked }
    return (await listServices(undefined, deps)).services
  }

  it('says which service is revoked, since when and why', async () => {
    const kept = {
      ...{ service: 'dune_production', version: runIds[1], since: at(3), reason: 'in a public log' },
      ...{ keepLogin: false, entries: [], isDone: true },
    }
    const said = async (state: 'revoked' | 'restored') =>
      (await ask({}, '', async () => ({ services: [{ ...kept, state }] }))).map(({ revoked }) => revoked)
    assert.deepEqual(await said('revoked'), [{ since: at(3), reason: 'in a public log' }, undefined])
    assert.deepEqual(await said('restored'), [undefined, undefined])
  })

  it('comes in pages, of which each says how many there are', async () => {
    const deps = { site: () => siteOf(), targets: fakeKv().kv, uids: fakeKv().kv, revoked: nobody }
    const first = await listServices({ page: 1 }, deps)
    assert.deepEqual([first.page, first.pages, first.services.length], [1, 1, 2])
    assert.deepEqual((await listServices({ page: 2 }, deps)).services, [])
    for (const [body, message] of [
      [{ page: 0 }, /^page: .*>=1/],
      [{ pgae: 1 }, /^body: .*"pgae"/],
      ['dune', /^body: .*expected object/],
    ] as const)
      await assert.rejects(listServices(body, deps), { name: 'RequestError', message })
  })
  it('has every entry once on its pages, and reads the targets of one page for it', async () => {
    const site = siteOf()
    const [one] = site.entries
    const entries = Array.from({ length: 300 }, (_, n) => ({ ...one, name: `e${n}_r`, experiment: `e${n}` }))
    const [{ kv }, asked] = [fakeKv(), new Set<string>()]
    const get: KV['get'] = async (key) => {
      asked.add(key)
      return kv.get(key)
    }
    const deps = {
      ...{ site: () => ({ ...site, entries }) as Site, revoked: nobody },
      ...{ targets: { ...kv, get }, uids: fakeKv().kv },
    }
    const { pages, services } = await listServices({ page: 1 }, deps)
    assert.equal(new Set([...asked].map((key) => key.split('.')[1])).size, services.length)
    const names = services.map(({ entry }) => entry)
    for (let page = 2; page <= pages; page += 1)
      names.push(...(await listServices({ page }, deps)).services.map(({ entry }) => entry))
    assert.ok(pages > 1)
    assert.deepEqual(
      names,
      entries.map(({ name }) => name),
    )
  })
  it('has every configured entry, also before any run', async () => {
    const [first, second] = await ask({})
    const { tokens, ...rest } = first as NonNullable<typeof first>
    assert.deepEqual(
      tokens?.map(({ type, invalid }) => [type, invalid?.message]),
      [['vault', 'No token of dune_production was made yet.']],
    )
    assert.deepEqual(rest, {
      ...{ entry: 'dune_production', service: 'dune_production', account: 'dunepro', uid: 61_234 },
      ...{ nodes: ['node1.lab.example', 'node2.lab.example'], credds: [], stored: [] },
      ...{ lastSuccess: null, tokenExpiry: null, failing: [] },
    })
    assert.equal(second?.uid, 4711)
  })
  it('knows the token’s age and end, the credds met, and what failed last', async () => {
    const [first] = await ask({
      [refreshSubject(dune)]: record({ lastSuccess: at(3), expiry: at(600), ended: done }),
      [storeSubject(dune, 'c1')]: record({ target: 'c1', lastSuccess: at(4), expiry: at(900), ended: done }),
      [pushSubject(dune, 'node1.lab.example')]: record({ target: 'node1.lab.example', ended: done }),
      [pushSubject(dune, 'node2.lab.example')]: record({
        target: 'node2.lab.example',
        ended: { run: done.run, kind: 'failed', failure: failure('disk-full', 'No space.') },
      }),
      [pushSubject(dune, 'node3.lab.example')]: record({ target: 'node3.lab.example' }),
    })
    assert.deepEqual([first?.lastSuccess, first?.tokenExpiry, first?.credds], [at(3), at(600), ['c1']])
    assert.deepEqual(first?.stored, [{ credd: 'c1', lastSuccess: at(4), expiry: at(900) }])
    assert.deepEqual(first?.failing, ['node2.lab.example'])
  })
  it('says that a service has no token, which no node or credd of it can tell', async () => {
    const lost = failure('authentication-needed', 'Nobody has logged in.')
    const [first] = await ask({
      [refreshSubject(dune)]: record({ ended: { run: done.run, kind: 'failed', failure: lost } }),
      [pushSubject(dune, 'node1.lab.example')]: record({
        target: 'node1.lab.example',
        ended: { ...done, run: runIds[0] },
      }),
    })
    assert.deepEqual(first?.failing, ['token'])
  })
  it('does not speak of nodes and credds that are configured no more', async () => {
    const [first] = await ask(
      {
        [storeSubject(dune, 'old-credd')]: record({ target: 'old-credd' }),
        [pushSubject(dune, 'old-node')]: record({ target: 'old-node' }),
      },
      'condorCreddHostOverride: c1.lab.example',
    )
    assert.deepEqual([first?.credds, first?.failing], [['c1.lab.example'], []])
  })
})
