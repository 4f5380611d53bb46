import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createCurve } from '@nats-io/nkeys'
import { isWhatWasAsked, openToken } from '../../../services/distributor/handle.ts'
import { openUnsealing } from '../../../services/distributor/unsealing.ts'
import { type SealedContent, seal } from '../../../shared/seal.ts'
import { sealedKey } from '../../../shared/subjects.ts'
import { runIds } from '../build.ts'
import { fakeKv } from '../fake-kv.ts'

const curve = createCurve()
const unseal = openUnsealing(curve.getSeed())
const publicKey = curve.getPublicKey()
const entry = { name: 'dune_production', service: 'dune_production' }
const soon = (ms: number) => new Date(Date.now() + ms).toISOString()
const content = (token: string, more: Partial<SealedContent> = {}): SealedContent => ({
  ...{
    entry: entry.name,
    service: entry.service,
    run: runIds[0],
    tokenId: 'id',
    expiry: soon(60_000),
    token,
  },
  ...more,
})

describe('opening a sealed token', () => {
  /** Puts seals one after another under one key, and asks for a revision. */
  const open = async (values: (string | SealedContent)[], revision: number, key = sealedKey(entry.name)) => {
    const sealed = fakeKv()
    for (const value of values) sealed.put(key, typeof value === 'string' ? value : seal(value, publicKey))
    return (await openToken({ revision }, entry, { sealed: sealed.kv, unseal })).token
  }
  const missing = (work: Promise<unknown>) =>
    assert.rejects(work, { name: 'Permanent', message: /is gone or cannot be opened/ })

  it('gives the revision that was asked for', async () => {
    assert.equal(await open([content('first'), content('second')], 1), 'first')
  })
  it('gives the newest where that revision is gone', async () => {
    assert.equal(await open([content('first'), content('second')], 9), 'second')
  })
  it('gives the newest where that revision is over, is another’s or was sealed to another key', async () => {
    const unusable = [
      content('old', { expiry: soon(-1) }),
      content('theirs', { entry: 'nova_production' }),
      'garbage',
    ]
    for (const bad of [...unusable, seal(content('x'), createCurve().getPublicKey())])
      assert.equal(await open([bad, content('second')], 1), 'second')
  })
  it('refuses another entry’s seal, put under this one’s key', async () => {
    await missing(open([content('theirs', { entry: 'nova_production', service: 'nova_production' })], 1))
  })
  it('refuses another service’s seal of this entry', async () => {
    await missing(open([content('theirs', { service: 'dune_analysis' })], 1))
  })
  it('refuses one that is over', async () => missing(open([content('old', { expiry: soon(-1_000) })], 1)))
  it('refuses one that was changed on the way', async () => {
    const value = JSON.parse(seal(content('x'), publicKey)) as { sender: string; box: string }
    const box = Buffer.from(value.box, 'base64')
    box[box.length - 1] = (box.at(-1) ?? 0) ^ 1
    await missing(open([JSON.stringify({ ...value, box: box.toString('base64') })], 1))
  })
  it('says that it is gone when there is none, and never what it found', async () => missing(open([], 1)))
})

describe('what was asked for', () => {
  const table: Record<string, [Partial<SealedContent>, boolean]> = {
    'this entry’s token': [{}, true],
    'a token of another entry of the same service': [{ entry: 'dune-2_production' }, false],
    'a token of another service': [{ service: 'nova_production' }, false],
    'a token that ended a second ago': [{ expiry: soon(-1_000) }, false],
    'a token with an end that is no time': [{ expiry: 'tomorrow' }, false],
  }
  for (const [what, [more, expected]] of Object.entries(table))
    it(`is ${expected ? '' : 'not '}${what}`, () =>
      assert.equal(isWhatWasAsked(content('x', more), entry), expected))
})
