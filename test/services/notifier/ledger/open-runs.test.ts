/** The runs that have not finished: one small list that every notifier reads and writes. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openRunList } from '../../../../services/notifier/ledger/open-runs.ts'
import { openRunsKey } from '../../../../shared/contracts/subjects.ts'
import { runIds } from '../../build.ts'
import { fakeKv } from '../../fake-kv.ts'

const [older, middle, newer] = runIds

describe('the list of open runs', () => {
  it('is found once where there is none, and is the same for all', async () => {
    const { kv } = fakeKv()
    let looks = 0
    const find = async () => {
      looks++
      return [middle]
    }
    const one = await openRunList(kv, find)
    const other = await openRunList(kv, find)
    assert.deepEqual([await one.read(), await other.read(), looks], [[middle], [middle], 1])
    await one.add(newer)
    await other.add(older)
    assert.deepEqual(await one.read(), [older, middle, newer], 'the oldest first')
    await other.remove(middle)
    assert.deepEqual(await one.read(), [older, newer])
  })
  it('is not written again where nothing is new', async () => {
    const { kv } = fakeKv()
    const list = await openRunList(kv, async () => [older])
    const revision = async () => (await kv.get(openRunsKey))?.revision
    const before = await revision()
    await list.add(older)
    await list.remove(newer)
    await list.read()
    assert.equal(await revision(), before)
  })
  it('is found anew where somebody has overwritten it', async () => {
    const { kv, put } = fakeKv()
    const list = await openRunList(kv, async () => [older])
    for (const rubbish of ['rubbish', ['no run']]) {
      put(openRunsKey, rubbish)
      assert.deepEqual(await list.read(), [older])
    }
  })
})
