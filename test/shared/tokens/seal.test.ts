import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createAccount, createCurve, createUser, fromSeed } from '@nats-io/nkeys'
import fc from 'fast-check'
import { type SealedContent, seal, unseal } from '../../../shared/tokens/seal.ts'
import { makeSealingPairs } from '../../support/sealing-pairs.ts'

const { sealing, opening } = makeSealingPairs()
const content = {
  entry: 'dune-2_production',
  service: 'dune_production',
  run: '01K00000000000000000000000',
  tokenId: 'f3b0',
  expiry: '2026-02-01T00:00:00Z',
  token: 'hvs.CAESIPlantedTokenOfThisTest',
} satisfies SealedContent
const sealed = () => seal(content, sealing)
const refusal = (value: string, by = opening) => {
  const opened = unseal(value, by)
  return 'why' in opened ? opened.why : undefined
}

/** Sealed to the distributor as whoever knows its public key can: with anything in it. */
function sealAnything(inner: unknown): string {
  const sender = createCurve()
  const box = sender.seal(Buffer.from(JSON.stringify(inner)), sealing.recipient)
  return JSON.stringify({ sender: sender.getPublicKey(), box: Buffer.from(box).toString('base64') })
}

/** What lies in the box, with this text signed by this pair. */
function sign(text: string, pair = fromSeed(sealing.signingSeed)) {
  const signature = Buffer.from(pair.sign(Buffer.from(text))).toString('base64')
  return { content: text, signer: pair.getPublicKey(), signature }
}

describe('sealed tokens', () => {
  it('open to the seed they were sealed to, again and again', () => {
    for (const value of [sealed(), sealed()]) assert.deepEqual(unseal(value, opening), { content })
  })

  it('stay shut to another seed, also to that of a user', () => {
    for (const seeds of [[createCurve().getSeed()], [createUser().getSeed()], []])
      assert.match(refusal(sealed(), { ...opening, seeds }) ?? '', /not sealed to a key of this distributor/)
  })

  it('open to any of several seeds, and by any of several trusted signers, while a key is being changed', () => {
    const both = {
      seeds: [createCurve().getSeed(), ...opening.seeds],
      trustedSigners: [createAccount().getPublicKey(), ...opening.trustedSigners],
    }
    assert.deepEqual(unseal(sealed(), both), { content })
  })

  it('have another sender each time, and no two boxes are alike', () => {
    const values = Array.from({ length: 20 }, () => JSON.parse(sealed()) as { sender: string; box: string })
    assert.equal(new Set(values.map(({ sender }) => sender)).size, 20)
    assert.equal(new Set(values.map(({ box }) => box)).size, 20)
  })

  it('show nothing of what is in them nor of who has signed them, in any encoding', () => {
    const value = sealed()
    const box = Buffer.from(JSON.parse(value).box, 'base64').toString('latin1')
    for (const secret of [
      content.token,
      content.service,
      // Longer than what chance puts into random bytes or base64.
      'hvs.CAESI',
      Buffer.from(content.token).toString('base64'),
      opening.trustedSigners[0] ?? '',
    ]) {
      assert.ok(!value.includes(secret))
      assert.ok(!box.includes(secret))
    }
  })

  it('cannot be made for a key that is no curve key, nor of a token that is not one word', () => {
    assert.throws(() => seal(content, { ...sealing, recipient: 'UABC' }))
    for (const token of ['', 'two words', 'two\nlines', 'x\r', 'ümlaut', '\u001b[2J', 'x'.repeat(20_000)])
      assert.throws(() => seal({ ...content, token }, sealing), /one word/)
  })

  const forgeries: Record<string, [() => string, RegExp]> = {
    'as all were before they were signed': [() => sealAnything(content), /not signed/],
    'signed by somebody else': [
      () => sealAnything(sign(JSON.stringify(content), createAccount())),
      /none of sealing\.trustedSigners/,
    ],
    'signed with the key of a user of the bus': [
      () => sealAnything(sign(JSON.stringify(content), createUser())),
      /none of sealing\.trustedSigners/,
    ],
    'with another signer’s name on it': [
      () =>
        sealAnything({
          ...sign(JSON.stringify(content), createAccount()),
          signer: opening.trustedSigners[0],
        }),
      /not its signer’s/,
    ],
    'with one letter of what was signed changed': [
      () => {
        const signed = sign(JSON.stringify(content))
        return sealAnything({ ...signed, content: signed.content.replace('dune-2', 'dune-3') })
      },
      /not its signer’s/,
    ],
    'with a token of two lines, signed by the refresher itself': [
      () => sealAnything(sign(JSON.stringify({ ...content, token: 'hvs.x\nfile .bash_profile' }))),
      /no token of ours/,
    ],
    'of a run of the year 9999': [
      () => sealAnything(sign(JSON.stringify({ ...content, run: '7ZZZZZZZZZZZZZZZZZZZZZZZZZ' }))),
      /no token of ours/,
    ],
    'where what was signed is no token': [() => sealAnything(sign('[]')), /no token of ours/],
    'where what was signed is no JSON': [() => sealAnything(sign('hvs.')), /no token of ours/],
  }
  for (const [how, [forge, why]] of Object.entries(forgeries))
    it(`are refused with the reason ${how}`, () => assert.match(refusal(forge()) ?? '', why))

  it('are refused, never an error, whatever lies there', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (rubbish) => {
        assert.ok(refusal(rubbish))
      }),
    )
    for (const rubbish of ['null', '{"sender":"X","box":"AAAA"}', '{"sender":7,"box":"?"}'])
      assert.ok(refusal(rubbish), rubbish)
  })

  it('are refused, never an error, whatever was sealed to the distributor', () => {
    const anything = fc.anything({ key: fc.constantFrom('content', 'signer', 'signature') })
    fc.assert(
      fc.property(anything, (inner) => void assert.ok(refusal(sealAnything(inner ?? null)))),
      { numRuns: 30 },
    )
  })

  it('come out as they went in, whatever word they are', () => {
    const printable = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code))
    const word = fc.string({ unit: printable, minLength: 1, maxLength: 300 })
    fc.assert(
      fc.property(word, fc.string({ unit: 'binary', maxLength: 100 }), (token, service) => {
        const odd = { ...content, token, service: service.toWellFormed() }
        assert.deepEqual(unseal(seal(odd, sealing), opening), { content: odd })
      }),
      { numRuns: 20 },
    )
  })

  it('are refused when any one bit of the box is another', () => {
    const value = JSON.parse(sealed()) as { sender: string; box: string }
    const box = Buffer.from(value.box, 'base64')
    fc.assert(
      fc.property(fc.nat(box.length * 8 - 1), (bit) => {
        const tampered = Buffer.from(box)
        tampered[bit >> 3] = (tampered[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        assert.ok(refusal(JSON.stringify({ ...value, box: tampered.toString('base64') })))
      }),
      { numRuns: 100 },
    )
  })
})
