import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isAsked, isNewer, openToken } from '../../../../services/distributor/token/open-token.ts'
import { openUnsealing } from '../../../../services/distributor/token/unsealing.ts'
import { Permanent } from '../../../../shared/contracts/errors.ts'
import type { ReasonCode } from '../../../../shared/contracts/reasons.ts'
import { sealedKey } from '../../../../shared/contracts/subjects.ts'
import { type SealedContent, seal } from '../../../../shared/tokens/seal.ts'
import { makeSealingPairs } from '../../../support/sealing-pairs.ts'
import { runIds } from '../../build.ts'
import { fakeKv } from '../../fake-kv.ts'

const { sealing, opening } = makeSealingPairs()
const unseal = openUnsealing(opening)
const asked = { run: runIds[1], tokenId: 'id', revision: 1 }
const entry = { name: 'dune_production', service: 'dune_production' }
const soon = (ms: number) => new Date(Date.now() + ms).toISOString()
const content = (token: string, more: Partial<SealedContent> = {}): SealedContent => ({
  ...{
    entry: entry.name,
    service: entry.service,
    run: runIds[1],
    tokenId: 'id',
    expiry: soon(60 * 60_000),
    token,
  },
  ...more,
})

describe('opening a sealed token', () => {
  /** Puts seals one after another under one key, and asks for a revision. */
  const open = async (values: (string | SealedContent)[], revision: number, key = sealedKey(entry.name)) => {
    const sealed = fakeKv()
    for (const value of values) sealed.put(key, typeof value === 'string' ? value : seal(value, sealing))
    return (await openToken({ ...asked, revision }, entry, { sealed: sealed.kv, unseal })).token
  }
  const refused = (work: Promise<unknown>, code: ReasonCode, message: RegExp) =>
    assert.rejects(
      work,
      (error) => error instanceof Permanent && error.failure.code === code && message.test(error.message),
    )
  const newer = (token: string) => content(token, { run: runIds[2], tokenId: 'newer' })
  const unusable = {
    'is over': content('old', { expiry: soon(-1) }),
    'is another’s': content('theirs', { entry: 'nova_production' }),
    'is another service’s': content('theirs', { service: 'dune_analysis' }),
    'is another token': content('other', { tokenId: 'another' }),
    'is another run’s': content('other', { run: runIds[0] }),
    'is garbage': 'garbage',
    'was sealed to another key': seal(content('x'), {
      ...sealing,
      recipient: makeSealingPairs().sealing.recipient,
    }),
    'was signed by somebody else': seal(content('x'), {
      ...sealing,
      signingSeed: makeSealingPairs().sealing.signingSeed,
    }),
  }

  it('gives the revision that was asked for', async () => {
    assert.equal(await open([content('first'), newer('second')], 1), 'first')
  })
  it('gives a newer run’s where that revision is gone', async () => {
    assert.equal(await open([content('first'), newer('second')], 9), 'second')
  })
  for (const [how, bad] of Object.entries(unusable)) {
    it(`gives a newer run’s where that revision ${how}`, async () => {
      assert.equal(await open([bad, newer('second')], 1), 'second')
    })
    it(`refuses the newest of the same run or an older one where that revision ${how}`, async () => {
      for (const run of [runIds[0], runIds[1]])
        await refused(
          open([bad, content('unasked', { run, tokenId: 'other' })], 1),
          how === 'is over' ? 'seal-missing' : 'seal-refused',
          /^The sealed token of dune_production is /,
        )
    })
  }
  it('refuses an older revision of the same entry: its token is not the one that was asked for', async () => {
    const older = content('revoked', { run: runIds[0], tokenId: 'older' })
    await refused(open([older], 1), 'seal-refused', /not the one that was asked for/)
  })
  it('refuses one that was changed on the way', async () => {
    const value = JSON.parse(seal(content('x'), sealing)) as { sender: string; box: string }
    const box = Buffer.from(value.box, 'base64')
    box[box.length - 1] = (box.at(-1) ?? 0) ^ 1
    const changed = JSON.stringify({ ...value, box: box.toString('base64') })
    await refused(open([changed], 1), 'seal-refused', /not sealed to a key of this distributor/)
  })
  it('says that it is gone when there is none', async () => {
    await refused(open([], 1), 'seal-missing', /is gone/)
  })
})

describe('what was asked for', () => {
  const table: Record<string, [Partial<SealedContent>, boolean]> = {
    'this entry’s token': [{}, true],
    'a token of another entry of the same service': [{ entry: 'dune-2_production' }, false],
    'a token of another service': [{ service: 'nova_production' }, false],
    'a token that ended a second ago': [{ expiry: soon(-1_000) }, false],
    'a token with an end that is no time': [{ expiry: 'tomorrow' }, false],
    'another token of the same run': [{ tokenId: 'another' }, false],
    'the token of a newer run': [{ run: runIds[2] }, false],
  }
  for (const [what, [more, expected]] of Object.entries(table))
    it(`is ${expected ? '' : 'not '}${what}`, () =>
      assert.equal(isAsked(content('x', more), asked, entry), expected))

  it('is stood in for by the token of a newer run alone', () => {
    const stands = runIds.map((run) => isNewer(content('x', { run }), asked, entry))
    assert.deepEqual(stands, [false, false, true])
  })
})
