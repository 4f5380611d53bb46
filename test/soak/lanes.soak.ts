/** As `npm test` has it with 200 stores, with 800: `SOAK_CREDDS` says how many credds each of 100 services is stored in. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { checkStores } from '../support/checking-stores.ts'

const credds = Number(process.env.SOAK_CREDDS ?? 8)

for (const method of ['script', 'direct'] as const)
  it(`${100 * credds} stores in four lanes by ${method}: none is misfiled, nothing overlaps`, async () => {
    const { stores, misfiled, overlaps } = await checkStores({ entries: 100, credds, method, lanes: 4 })
    assert.deepEqual({ stores, misfiled, overlaps }, { stores: 100 * credds, misfiled: [], overlaps: [] })
  })
