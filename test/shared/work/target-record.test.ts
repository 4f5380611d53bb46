/** What is read of the targets' records, and what is believed of them: others write to that bucket too. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KV, KvEntry } from '@nats-io/kv'
import { pushSubject, refreshSubject, storeSubject } from '../../../shared/contracts/subjects.ts'
import {
  ofTarget,
  readTargets,
  readTargetsOf,
  type TargetRecord,
  targetRecord,
} from '../../../shared/work/target-record.ts'
import { fakeKv } from '../../services/fake-kv.ts'
import { makeEntry, makeRuns } from '../../support/entry.ts'

const [run = '', other = ''] = makeRuns(2)
const time = '2026-01-01T00:00:00.000Z'
const record = (entry: string, more: object = {}): TargetRecord => ({
  ...{ entry, run, holder: 'h', attempts: 1, lastAttempt: time },
  ...more,
})

describe('the records of some entries', () => {
  const named = (name: string, more: object) =>
    makeEntry({ name: `${name}_production`, experiment: name, role: 'production', ...more })
  const configured = named('dune', { nodes: ['n1', 'n2'], credds: ['c1'] })
  const asked = named('nova', {})
  const without = named('icarus', { tokenGetter: 'getToken', nodes: ['n1'] })
  const stranger = named('mu2e', { nodes: ['n1'], credds: ['c1'] })

  async function read(entries: readonly (typeof configured)[]) {
    const { kv, put } = fakeKv()
    const keys: string[] = []
    const keep = (key: string, value: string | object) => {
      keys.push(key)
      put(key, value)
    }
    for (const entry of [configured, asked, without, stranger]) {
      keep(refreshSubject(entry), record(entry.name))
      keep(storeSubject(entry, 'c1'), record(entry.name, { target: 'c1' }))
      keep(storeSubject(entry, 'c2.lab'), record(entry.name, { target: 'c2.lab' }))
      keep(pushSubject(entry, 'n1'), record(entry.name, { target: 'n1' }))
    }
    keep(pushSubject(configured, 'n2'), 'rubbish')
    const info = async (_: string, { subjects_filter }: { subjects_filter: string }) => {
      const named = keys.filter((key) => key.startsWith(subjects_filter.slice(0, -1)))
      return { state: { subjects: Object.fromEntries(named.map((key) => [key, 1])) } }
    }
    const found = await readTargetsOf({ ...kv, jsm: { streams: { info } } } as unknown as KV, entries)
    return Object.fromEntries([...found].map(([name, records]) => [name, records.map(([key]) => key)]))
  }

  it('are its own, those of its nodes, and those of its credds, which only the records name where a collector does', async () => {
    assert.deepEqual(await read([configured, asked, without]), {
      dune_production: ['refresh.dune.production', 'push.dune.production.n1', 'store.dune.production.c1'],
      nova_production: [
        'refresh.nova.production',
        ...[storeSubject(asked, 'c1'), storeSubject(asked, 'c2.lab')],
      ],
      icarus_production: [
        'refresh.icarus.production',
        'push.icarus.production.n1',
        ...[storeSubject(without, 'c1'), storeSubject(without, 'c2.lab')],
      ],
    })
  })
  it('are found without a list of all where every credd is known', async () => {
    assert.deepEqual(await read([without]), {
      icarus_production: ['refresh.icarus.production', 'push.icarus.production.n1'],
    })
  })
})

describe('all records', () => {
  const kvOf = (history: [key: string, value: unknown][]) =>
    ({
      ...fakeKv().kv,
      jsm: {
        streams: {
          info: async () => ({ state: { subjects: Object.fromEntries(history.map(([key]) => [key, 1])) } }),
        },
      },
      history: async () =>
        history.map(([key, value], index): Partial<KvEntry> => {
          const text = JSON.stringify(value)
          return { key, operation: 'PUT', revision: index + 1, bucket: 'targets', string: () => text }
        }),
    }) as unknown as KV

  it('are those of targets, each as it was written last, without what cannot be read any more', async () => {
    const kept = record('a')
    const history: [string, unknown][] = [
      ...['refresh.a.p', 'store.a.p.c1', 'push.a.p.n1'].map((key): [string, unknown] => [key, kept]),
      ...['vault.pause', 'schedule.run', 'x.refresh.a.p'].map((key): [string, unknown] => [key, kept]),
      ['refresh.b.p', kept],
      ['refresh.b.p', 'rubbish'],
      ['refresh.last.p', kept],
    ]
    const found = await readTargets(kvOf(history), ({ entry }, key) => `${entry} of ${key}`)
    assert.deepEqual(Object.fromEntries(found), {
      'refresh.a.p': 'a of refresh.a.p',
      'store.a.p.c1': 'a of store.a.p.c1',
      'push.a.p.n1': 'a of push.a.p.n1',
      'refresh.last.p': 'a of refresh.last.p',
    })
  })
})

describe('a record', () => {
  const fact = (more: object = {}, body: object = {}) => ({
    ...{ kind: 'fact', subject: 'token.ready.dune.production', id: 'x', ...more },
    body: { run, entry: 'dune_production', ...body },
  })
  const failed = { code: 'vault-unreachable', message: 'm', action: 'a' }
  const done = (...messages: object[]) => ({ run, kind: 'done', messages })

  const believed: Record<string, object> = {
    'as every daemon writes it': {},
    'with everything in it, and more than this version knows': {
      ...{ target: 'n1', reported: true, reportedAt: time, lastSuccess: time, expiry: time, later: { x: 1 } },
      remembered: { facts: '{}', mark: 'ab' },
    },
    'that has ended with every kind of fact': {
      ended: done(
        ...['ready', 'stored', 'pushed', 'removed', 'failed'].map((what) =>
          fact({ subject: `token.${what}.dune.production` }),
        ),
      ),
    },
    'that has failed': { ended: { run, kind: 'failed', failure: failed } },
    'that has failed for somebody else’s fault, for some credds': {
      ended: { run, kind: 'failed', failure: { ...failed, causeName: 'vault', credds: ['c1'] } },
    },
  }
  for (const [what, more] of Object.entries(believed))
    it(`is believed ${what}`, () => {
      const text = record('dune_production', more)
      assert.deepEqual(targetRecord.safeParse(text).data, text)
    })

  const refused: Record<string, object> = {
    'without the run that has it': { run: undefined },
    'of what is no run': { run: 'yesterday' },
    'without a holder': { holder: undefined },
    'of nobody’s entry': { entry: 1 },
    'with half an attempt': { attempts: 0.5 },
    'without its last attempt': { lastAttempt: 'lately' },
    'that ends at no time': { expiry: 'soon' },
    'that ended at no time': { lastSuccess: 'lately' },
    'that was reported at no time': { reported: true, reportedAt: 'lately' },
    'that was reported perhaps': { reported: 'perhaps' },
    'for a target that is no name': { target: 1 },
    'that remembers without a mark': { remembered: { facts: '{}' } },
    'that would publish work': { ended: done(fact({ kind: 'work' })) },
    'that would publish on another subject': { ended: done(fact({ subject: 'refresh.dune.production' })) },
    'that would publish a fact nobody knows': {
      ended: done(fact({ subject: 'token.lost.dune.production' })),
    },
    'that would publish behind a subject': {
      ended: done(fact({ subject: 'token.ready.dune.production.n1' })),
    },
    'that would publish before a subject': {
      ended: done(fact({ subject: 'x.token.ready.dune.production' })),
    },
    'that would publish to many at once': { ended: done(fact({ subject: 'token.ready.dune.>' })) },
    'that would publish without an id': { ended: done(fact({ id: '' })) },
    'that would publish for no run': { ended: done(fact({}, { run: undefined })) },
    'that would publish for another run': { ended: done(fact(), fact({}, { run: other })) },
    'that would publish for no entry': { ended: done(fact({}, { entry: undefined })) },
    'that ended without facts': { ended: { run, kind: 'done' } },
    'that ended in no run': { ended: { kind: 'done', messages: [] } },
    'that failed without a reason': { ended: { run, kind: 'failed' } },
    'that failed without a word': {
      ended: { run, kind: 'failed', failure: { ...failed, message: undefined } },
    },
    'that failed without a next step': { ended: { run, kind: 'failed', failure: { ...failed, action: 1 } } },
    'that failed at credds without names': {
      ended: { run, kind: 'failed', failure: { ...failed, credds: [1] } },
    },
    'that failed in no run': { ended: { kind: 'failed', failure: failed } },
  }
  for (const [what, more] of Object.entries(refused))
    it(`is nothing ${what}`, () =>
      assert.equal(targetRecord.safeParse({ ...record('dune_production'), ...more }).success, false))

  it('tells nothing of another entry, and keeps the rest', () => {
    const text = record('dune_production', { ended: done(fact(), fact()), lastSuccess: time })
    assert.deepEqual(ofTarget(text, 'push.dune.production.n1'), text)
    const { ended: _, ...rest } = text
    for (const key of ['push.nova.production.n1', 'push.dune.analysis.n1', 'push.une.production'])
      assert.deepEqual(ofTarget(text, key), rest)
    const mixed = record('dune_production', {
      ended: done(fact(), fact({ subject: 'token.ready.nova.production' })),
    })
    assert.equal(ofTarget(mixed, 'refresh.dune.production').ended, undefined)
    const gaveUp = record('dune_production', { ended: { run, kind: 'failed', failure: failed } })
    assert.deepEqual(ofTarget(gaveUp, 'refresh.nova.production'), gaveUp)
  })
})
