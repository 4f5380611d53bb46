import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { openKeptRevoked } from '../../../services/refresher/revocation/keep-revoked.ts'
import { RetryLater } from '../../../shared/contracts/errors.ts'
import { revokedKey } from '../../../shared/contracts/subjects.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { memoryKey, recall, remember } from '../../../shared/work/memory.ts'
import { mergeRevoked, openRevoked, type Revocation } from '../../../shared/work/revoked.ts'
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
    await assert.rejects(revoked.find('nova_analysis'), RetryLater)
    bucket.put(revokedKey, 'rubbish')
    await assert.rejects(revoked.mustNotBe('nova_analysis'), RetryLater)
    assert.equal(said.length, 1)
    bucket.put(revokedKey, { services: [one()] })
    assert.equal(await revoked.find('nova_analysis'), undefined)
    assert.match(said[1] ?? '', /work goes on/)
    assert.equal((await revoked.find('dune_production'))?.reason, 'a test')
    await assert.rejects(revoked.mustNotBe('dune_production'), RetryLater)
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
    const done = one({ isDone: true, run: runIds[0] })
    for (const [a, b, wanted] of [
      [one(), restored, restored],
      [one(), done, done],
    ] as const) {
      assert.deepEqual(mergeRevoked({ services: [a] }, { services: [b] }), { services: [wanted] })
      assert.deepEqual(mergeRevoked({ services: [b] }, { services: [a] }), { services: [wanted] })
    }
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
})
