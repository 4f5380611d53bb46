import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Site } from '../../../shared/config/site.ts'
import { vaultBudgetKey } from '../../../shared/contracts/subjects.ts'
import { openVaultBudget } from '../../../shared/vault/budget.ts'
import { openRefreshQueue } from '../../support/refresh-queue.ts'

const site = () => ({ vault: { requestsPer5Min: 300 } }) as Site
const never = new AbortController().signal

describe('the allowance that daemons share', () => {
  it('is counted once for each who asks, whoever asks and however many at once', async () => {
    await using queue = await openRefreshQueue()
    const { targets } = queue
    const one = openVaultBudget(targets, site)
    const other = openVaultBudget(targets, site)
    const started = Date.now()
    const waited = await Promise.all(
      [one, other, one, one, other, one, one, other].map((budget) => budget.pace(4, never)),
    )
    await one.pace(4, never)
    await other.pace(4, never)
    assert.deepEqual(waited, Array(8).fill(false))
    const found = await targets.get(vaultBudgetKey)
    const { paidUntil } = found?.json<{ paidUntil: number }>() ?? { paidUntil: 0 }
    const paidMs = (10 * 4 * 5 * 60_000) / 200
    assert.ok(paidUntil >= started + paidMs && paidUntil <= Date.now() + paidMs, `${paidUntil - started}`)
  })

  it('is told to nobody when the bus refuses it', async () => {
    const queue = await openRefreshQueue()
    const budget = openVaultBudget(queue.targets, site)
    await budget.pace(1, never)
    await queue[Symbol.asyncDispose]()
    const asked = [1, 2, 3].map((requests) => budget.pace(requests, never))
    for (const one of await Promise.allSettled(asked)) assert.equal(one.status, 'rejected')
  })
})
