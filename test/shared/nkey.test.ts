import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createCurve, createUser, decode, fromPublic } from '@nats-io/nkeys'
import { nkeyLogin, publicKeyOf } from '../../shared/nkey.ts'

describe('a NATS key', () => {
  for (const [what, create] of Object.entries({ 'a user': createUser, sealing: createCurve }))
    it(`of ${what} has the public half that NATS’ own library finds`, () => {
      const pair = create()
      assert.equal(publicKeyOf(pair.getSeed()), pair.getPublicKey())
    })
  it('logs in with a signature that NATS’ own library accepts, for what was asked and nothing else', () => {
    const user = createUser()
    const { nkey, sig } = nkeyLogin(user.getSeed())('a nonce') as { nkey: string; sig: string }
    assert.equal(nkey, user.getPublicKey())
    const accepts = (nonce: string) => fromPublic(nkey).verify(Buffer.from(nonce), decode(sig))
    assert.deepEqual([accepts('a nonce'), accepts('another')], [true, false])
  })
  it('is refused where it is none', () => {
    const seed = createUser().getSeed()
    seed[20] = seed[20] === 65 ? 66 : 65
    for (const bad of [seed, Buffer.from('nothing'), Buffer.alloc(0)])
      assert.throws(() => publicKeyOf(bad), /invalid|checksum|seed/i)
  })
})
