import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createAccount, createCurve, createUser, decode, fromPublic, Prefix } from '@nats-io/nkeys'
import { nkeyLogin, publicKeyOf } from '../../../shared/bus/nkey.ts'

describe('a NATS key', () => {
  const kinds = {
    'a user': [createUser, Prefix.User],
    sealing: [createCurve, Prefix.Curve],
    signing: [createAccount, Prefix.Account],
  } as const
  for (const [what, [create, kind]] of Object.entries(kinds))
    it(`of ${what} has the public half that NATS’ own library finds, and passes for no other kind`, () => {
      const pair = create()
      assert.equal(publicKeyOf(pair.getSeed(), kind), pair.getPublicKey())
      const other = kind === Prefix.User ? Prefix.Curve : Prefix.User
      assert.throws(() => publicKeyOf(pair.getSeed(), other), /another kind/)
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
      assert.throws(() => publicKeyOf(bad, Prefix.User), /invalid|checksum|seed/i)
  })
})
