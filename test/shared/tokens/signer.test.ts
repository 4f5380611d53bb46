/** Signatures by OpenSSL are those of nkeys, either way. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createAccount, createUser, fromPublic } from '@nats-io/nkeys'
import { isSignedBy, signerOf } from '../../../shared/tokens/signer.ts'

const text = '{"entry":"dune_production"} with ü'

describe('a signer', () => {
  it('signs as nkeys do, and each takes what the other signed', () => {
    for (const pair of [createAccount(), createUser()]) {
      const signer = signerOf(pair.getSeed())
      assert.equal(signer.publicKey, pair.getPublicKey())
      const signature = signer.sign(text)
      assert.deepEqual(signature, Buffer.from(pair.sign(Buffer.from(text))))
      assert.ok(fromPublic(signer.publicKey).verify(Buffer.from(text), signature))
      assert.ok(isSignedBy(signer.publicKey, text, signature))
    }
  })

  it('is told from others, and from other texts', () => {
    const [one, other] = [signerOf(createAccount().getSeed()), signerOf(createAccount().getSeed())]
    const signature = one.sign(text)
    assert.ok(!isSignedBy(other.publicKey, text, signature))
    assert.ok(!isSignedBy(one.publicKey, `${text} `, signature))
    assert.ok(!isSignedBy(one.publicKey, text, signature.fill(0, 0, 1)))
  })

  it('is none where the seed is none', () => {
    assert.throws(() => signerOf(Buffer.from('nonsense')))
    assert.throws(() => isSignedBy('nonsense', text, Buffer.alloc(64)))
  })
})
