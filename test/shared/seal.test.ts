import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createCurve } from '@nats-io/nkeys'
import fc from 'fast-check'
import { type SealedContent, seal, unseal } from '../../shared/seal.ts'

const distributor = createCurve()
const content = {
  entry: 'dune-2_production',
  service: 'dune_production',
  run: '01K00000000000000000000000',
  tokenId: 'f3b0',
  expiry: '2026-02-01T00:00:00Z',
  token: 'hvs.CAESIPlantedTokenOfThisTest',
} satisfies SealedContent
const seedOf = (pair: typeof distributor) => pair.getSeed()
const sealed = () => seal(content, distributor.getPublicKey())

describe('sealed tokens', () => {
  it('open to the seed they were sealed to', () => {
    assert.deepEqual(unseal(sealed(), seedOf(distributor)), content)
  })

  it('open again and again with the same seed', () => {
    const seed = seedOf(distributor)
    for (const value of [sealed(), sealed()]) assert.deepEqual(unseal(value, seed), content)
  })

  it('stay shut to another seed, also to that of a user', () => {
    assert.equal(unseal(sealed(), createCurve().getSeed()), null)
    assert.equal(
      unseal(sealed(), new TextEncoder().encode('SUAGJ3NN2OSFTI7HINRTMGOYOAY3JFDXJ5EUWRXVSIDIG2')),
      null,
    )
  })

  it('have another sender each time, and no two boxes are alike', () => {
    const values = Array.from({ length: 50 }, () => JSON.parse(sealed()) as { sender: string; box: string })
    assert.equal(new Set(values.map(({ sender }) => sender)).size, 50)
    assert.equal(new Set(values.map(({ box }) => box)).size, 50)
  })

  it('show nothing of what is in them, in any encoding', () => {
    const value = sealed()
    const box = Buffer.from(JSON.parse(value).box, 'base64').toString('latin1')
    for (const secret of [
      content.token,
      content.service,
      // Longer than what chance puts into random bytes or base64.
      'hvs.CAESI',
      Buffer.from(content.token).toString('base64'),
    ]) {
      assert.ok(!value.includes(secret))
      assert.ok(!box.includes(secret))
    }
  })

  it('cannot be made for a key that is no curve key', () => {
    assert.throws(() => seal(content, 'UABC'))
  })

  it('are null, not an error, for anything that is not a sealed token', () => {
    const seed = seedOf(distributor)
    for (const rubbish of ['', 'null', '[]', '{}', '{"sender":"X","box":"AAAA"}', '{"sender":7,"box":"?"}'])
      assert.equal(unseal(rubbish, seed), null, rubbish)
  })

  it('are null where what was sealed is no token', () => {
    const { token: _, ...partial } = content
    assert.equal(
      unseal(seal(partial as SealedContent, distributor.getPublicKey()), seedOf(distributor)),
      null,
    )
  })

  it('come out as they went in, whatever is in them', () => {
    const text = fc.string({ unit: 'binary', maxLength: 300 })
    fc.assert(
      fc.property(text, text, (token, service) => {
        const odd = { ...content, token, service }
        assert.deepEqual(unseal(seal(odd, distributor.getPublicKey()), seedOf(distributor)), odd)
      }),
      { numRuns: 50 },
    )
  })

  it('are null when any one bit of the box is another', () => {
    const value = JSON.parse(sealed()) as { sender: string; box: string }
    const box = Buffer.from(value.box, 'base64')
    fc.assert(
      fc.property(fc.nat(box.length * 8 - 1), (bit) => {
        const tampered = Buffer.from(box)
        tampered[bit >> 3] = (tampered[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        const changed = JSON.stringify({ ...value, box: tampered.toString('base64') })
        assert.equal(unseal(changed, seedOf(distributor)), null)
      }),
      { numRuns: 100 },
    )
  })
})
