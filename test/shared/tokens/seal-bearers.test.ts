import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { failure } from '../../../shared/contracts/errors.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { type SealedContent, seal, unseal } from '../../../shared/tokens/seal.ts'
import { makeSealingPairs } from '../../support/sealing-pairs.ts'

const { sealing, opening } = makeSealingPairs()
const common = {
  entry: 'dune_production',
  service: 'dune_production',
  run: '01K00000000000000000000000',
  tokenId: 'f3b0',
  expiry: '2026-02-01T00:00:00Z',
}
const bearers: SealedContent['bearers'] = [
  { token: 'planted.bearer.one', expiry: '2026-01-01T01:00:00Z' },
  { purpose: 'stash', failure: failure('bearer-refused', 'The issuer refused it.') },
]
const through = (content: SealedContent) => {
  const opened = unseal(seal(content, sealing), opening)
  return 'content' in opened ? opened.content : null
}

describe('bearer tokens in a seal', () => {
  it('come out beside the vault token, and without one', () => {
    const both = { ...common, token: 'hvs.Planted', bearers }
    assert.deepEqual(through(both), both)
    assert.deepEqual(through({ ...common, bearers }), { ...common, bearers })
    assert.deepEqual(through({ ...common, bearers: [] }), { ...common, bearers: [] })
  })

  it('may be missing, but then the vault token may not', () => {
    assert.deepEqual(through({ ...common, token: 'hvs.Planted' }), { ...common, token: 'hvs.Planted' })
    assert.throws(() => through(common))
  })

  it('are ignored by readers that know nothing of them', () => {
    const older = z.object({ entry: z.string(), token: z.string() })
    assert.deepEqual(older.parse(JSON.parse(JSON.stringify({ ...common, token: 'hvs.Planted', bearers }))), {
      entry: common.entry,
      token: 'hvs.Planted',
    })
  })

  it('with a reason that this program does not know yet count as unexpected', () => {
    const newer = { ...common, bearers: [{ failure: { code: 'newer', message: 'm', action: 'a' } }] }
    assert.deepEqual(through(newer as unknown as SealedContent)?.bearers, [
      { failure: { code: 'unexpected', message: 'm', action: 'a' } },
    ])
  })
})
