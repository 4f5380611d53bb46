import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { KV } from '@nats-io/kv'
import { errors } from '@nats-io/nats-core'
import { openKeptRevoked } from '../../../services/refresher/revocation/keep-revoked.ts'
import { RetryLater } from '../../../shared/contracts/errors.ts'
import { revokedKey } from '../../../shared/contracts/subjects.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { fingerprint, memoryKey, recall, remember } from '../../../shared/work/memory.ts'
import {
  describeRevoked,
  mergeRevoked,
  openRevoked,
  type Revocation,
  revokedList,
} from '../../../shared/work/revoked.ts'
import { at, runIds } from '../../services/build.ts'
import { fakeKv } from '../../services/fake-kv.ts'

const directory = mkdtempSync(join(tmpdir(), 'mt-revoked-'))
after(() => rmSync(directory, { recursive: true, force: true }))
const one = (more: Partial<Revocation> = {}): Revocation => ({
  ...{ service: 'dune_production', state: 'revoked', version: runIds[0], since: at(0), reason: 'a test' },
  ...{ keepLogin: false, entries: [], isDone: false, ...more },
})

describe('the list of revoked services', () => {
  const said: string[] = []
  const log = { error: (text: string) => void said.push(text), info: (text: string) => void said.push(text) }

  it('that is not there, or cannot be read, stops everybody, and is told once', async () => {
    const bucket = fakeKv()
    const revoked = openRevoked(bucket.kv, log)
    const again = (delayMs: number) => (error: unknown) =>
      error instanceof RetryLater && error.delayMs === delayMs && !error.failure
    await assert.rejects(revoked.find('nova_analysis'), again(2_000))
    bucket.put(revokedKey, 'rubbish')
    await assert.rejects(revoked.mustNotBe('nova_analysis'), again(2_000))
    assert.equal(said.length, 1)
    assert.match(said[0] ?? '', /cannot be read: nothing is made, stored or pushed for anyone/)
    bucket.put(revokedKey, { services: [one()] })
    assert.equal(await revoked.find('nova_analysis'), undefined)
    assert.match(said[1] ?? '', /work goes on/)
    assert.equal((await revoked.find('dune_production'))?.reason, 'a test')
    await assert.rejects(revoked.mustNotBe('dune_production'), again(200))
    assert.equal(said.length, 2)
    bucket.put(revokedKey, { services: [one({ state: 'restored' })] })
    await revoked.mustNotBe('dune_production')
    bucket.put(revokedKey, 'rubbish')
    await assert.rejects(revoked.find('dune_production'), RetryLater)
    assert.equal(said.length, 3, 'what is lost again is told again')
  })

  it('is asked for as long as the bus may be away, and no longer', async () => {
    const { kv } = fakeKv()
    const away = { ...kv, get: () => Promise.reject(new errors.TimeoutError()) } as KV
    const patience = { patienceMs: 5, pauseMs: 1 }
    await assert.rejects(openRevoked(away, log).find('x', patience), errors.TimeoutError)
    await assert.rejects(openRevoked(away, log).mustNotBe('x', patience), errors.TimeoutError)
  })

  it('names for people what, since when and why', () => {
    const text = describeRevoked(one())
    assert.equal(text, `dune_production has been revoked since ${at(0)} (a test)`)
  })

  it('is what every refresher can read, with all that was to be removed', () => {
    const entry = {
      entry: 'e',
      service: 's',
      experiment: 'x',
      role: 'r',
      nodes: ['n'],
      credds: ['c'],
      uid: 1,
    }
    const whole = one({
      entries: [entry],
      by: { user: 'u', host: 'h', person: 'p' },
      run: runIds[1],
      until: at(9),
    })
    assert.deepEqual(revokedList.parse(JSON.parse(JSON.stringify({ services: [whole] }))), {
      services: [whole],
    })
    for (const more of [
      { service: undefined },
      { state: 'perhaps' },
      { version: 'x' },
      { since: 'once' },
      { reason: 1 },
      { keepLogin: 'no' },
      { entries: [{ ...entry, nodes: 'n' }] },
      { entries: [{ ...entry, credds: [1] }] },
      { entries: [{ ...entry, role: undefined }] },
      { isDone: undefined },
    ])
      assert.equal(
        revokedList.safeParse({ services: [{ ...whole, ...more }] }).success,
        false,
        JSON.stringify(more),
      )
  })

  it('comes back to an emptied bus from the refresher’s disk', async () => {
    const state = join(directory, 'kept')
    rmSync(state, { recursive: true, force: true })
    const dir = mkdtempSync(`${state}-`)
    await openKeptRevoked(fakeKv().kv, dir).change(() => ({ services: [one()] }))
    const emptied = fakeKv()
    await openKeptRevoked(emptied.kv, dir).read()
    assert.equal((await openRevoked(emptied.kv, log).find('dune_production'))?.version, runIds[0])
  })

  it('is written nowhere where the file on disk cannot be read', async () => {
    const dir = mkdtempSync(join(directory, 'broken-'))
    writeFileSync(join(dir, 'revoked.json'), '{')
    const bucket = fakeKv()
    await assert.rejects(openKeptRevoked(bucket.kv, dir).read(), /revoked\.json cannot be read/)
    assert.equal(await bucket.kv.get(revokedKey), null)
    assert.equal(readFileSync(join(dir, 'revoked.json'), 'utf8'), '{')
  })

  it('of two is, for each service, the later word, in any order', () => {
    const restored = one({ state: 'restored', version: runIds[1] })
    const started = one({ run: runIds[0] })
    const done = one({ isDone: true, run: runIds[0] })
    for (const [a, b, wanted] of [
      [one(), restored, restored],
      [done, restored, restored],
      [one(), started, started],
      [started, done, done],
      [one(), done, done],
    ] as const) {
      assert.deepEqual(mergeRevoked({ services: [a] }, { services: [b] }), { services: [wanted] })
      assert.deepEqual(mergeRevoked({ services: [b] }, { services: [a] }), { services: [wanted] })
    }
  })
})

describe('two lists of several services', () => {
  it('are one, by name', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((service) => one({ service })) as [
      Revocation,
      Revocation,
      Revocation,
    ]
    assert.deepEqual(mergeRevoked({ services: [c, a] }, { services: [b] }), { services: [a, b, c] })
  })
})

describe('what a daemon remembers on the bus', () => {
  const key = memoryKey(Buffer.from('seed'))
  const schema = z.object({ account: z.string() })
  const kept = remember(key, 'push.dune.production.n1', { account: 'dunepro' })

  it('is believed with its own mark, for the target that it is about', () => {
    assert.deepEqual(recall([key], 'push.dune.production.n1', kept, schema), { account: 'dunepro' })
  })
  for (const [how, [keys, target, facts]] of Object.entries({
    'that somebody else has marked': [[memoryKey(Buffer.from('x'))], 'push.dune.production.n1', kept.facts],
    'of another target': [[key], 'push.dune.production.n2', kept.facts],
    'that was changed': [[key], 'push.dune.production.n1', '{"account":"root"}'],
  } as const))
    it(`is nothing where it is one ${how}`, () =>
      assert.equal(recall(keys, target, { ...kept, facts }, schema), undefined))

  it('is nothing where it is marked with half a mark, with none, or is not what was asked for', () => {
    const target = 'push.dune.production.n1'
    for (const mark of ['', kept.mark.slice(2), `${kept.mark}00`])
      assert.equal(recall([key], target, { ...kept, mark }, schema), undefined)
    assert.equal(recall([key], target, undefined, schema), undefined)
    assert.equal(recall([], target, kept, schema), undefined)
    assert.equal(recall([key], target, kept, z.object({ uid: z.int() })), undefined)
  })
  it('is believed with any of its keys, as after a new seed', () =>
    assert.ok(recall([memoryKey(Buffer.from('new')), key], 'push.dune.production.n1', kept, schema)))
  it('bears the mark that every release gives it: what lies on the bus stays good', () => {
    assert.equal(kept.mark, 'fd209ef50463f7916a2762873a52fadfccf2537c2e7fc78e43fda4ec67738f02')
    assert.equal(
      fingerprint(key, 'digest'),
      '6b9c866dcfd52b2e0b4ca47ee5edeeda94b086cf3f7583d63cc91eb9cfd13e56',
    )
    assert.notEqual(fingerprint(key, 'digest'), fingerprint(memoryKey(Buffer.from('x')), 'digest'))
  })
})
