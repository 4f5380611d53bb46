/** Four lanes: nothing is mixed up, and the same look at them catches what is mixed up without an identity for each run. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkStores } from '../support/checking-stores.ts'

const site = { entries: 25, credds: 8 } as const
const timeout = 400_000

describe('two hundred stores in four lanes', { timeout: 3 * timeout }, () => {
  for (const method of ['script', 'direct'] as const)
    it(`by ${method}: none is misfiled, never two of one service or of one account in a credd`, {
      timeout,
    }, async () => {
      const { stores, misfiled, overlaps, most } = await checkStores({ ...site, method, lanes: 4 })
      assert.deepEqual({ stores, misfiled, overlaps }, { stores: 200, misfiled: [], overlaps: [] })
      assert.ok(most > 1 && most <= 4, `${most} under way at most`)
    })

  it('with one identity for all of them are seen to be misfiled', { timeout }, async () => {
    const shared = { method: 'script', lanes: 4, sharesIdentity: true } as const
    const { misfiled } = await checkStores({ entries: 20, credds: 2, ...shared })
    assert.ok(misfiled.length > 0)
  })
})
