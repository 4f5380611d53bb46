import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { mintRunId } from '../../../services/refresher/start-run/mint-run-id.ts'
import { isRunId, mostAheadMs, nextRunId } from '../../../shared/contracts/run-id.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { openRefreshQueue } from '../../support/refresh-queue.ts'

const hour = 3_600_000
const now = Date.UTC(2026, 0, 1)

describe('run ids', () => {
  it('tell the time of their making when the clock is right', () => {
    assert.ok(nextRunId(undefined, now) < nextRunId(undefined, now + 1))
    assert.ok(nextRunId(nextRunId(undefined, now), now + hour) > nextRunId(undefined, now + hour - 1))
  })

  it('only grow, whatever the clock does, and are ULIDs', () => {
    const jump = fc.integer({ min: -30 * 24 * hour, max: 30 * 24 * hour })
    fc.assert(
      fc.property(fc.array(jump, { maxLength: 50 }), (jumps) => {
        let clock = now
        let last: string | undefined
        for (const by of [0, ...jumps]) {
          clock += by
          const id = nextRunId(last, clock)
          assert.ok(z.ulid().safeParse(id).success, id)
          assert.ok(last === undefined || id > last, `${id} after ${last}`)
          last = id
        }
      }),
    )
  })

  it('go on from the greatest id of a millisecond', () => {
    const last = `${nextRunId(undefined, now).slice(0, 10)}${'Z'.repeat(16)}`
    const id = nextRunId(last, now - hour)
    assert.ok(id > last)
    assert.ok(z.ulid().safeParse(id).success, id)
  })

  it('are minted in order by two who mint at once, although one clock is an hour behind', async () => {
    await using queue = await openRefreshQueue()
    const second = await queue.nats.connect('refresher')
    try {
      const runs = [await queue.bus.bucket('runs'), await second.bucket('runs')] as const
      const order: string[] = []
      const mintTen = async (which: 0 | 1, clock: () => number) => {
        for (let count = 0; count < 10; count++) {
          const before = order.length
          const id = await mintRunId(runs[which], clock)
          // Whatever had been minted before we asked is less than what we got.
          for (const earlier of order.slice(0, before)) assert.ok(earlier < id)
          order.push(id)
        }
      }
      await Promise.all([mintTen(0, () => now), mintTen(1, () => now - hour)])
      assert.equal(new Set(order).size, 20)
    } finally {
      await second.nc.close()
    }
  })

  it('are believed up to a day ahead of our clock, and not in small letters', () => {
    const from = (ahead: number) => nextRunId(undefined, Date.now() + ahead)
    const minute = 60_000
    for (const ahead of [-365 * 24 * hour, 0, hour, mostAheadMs - minute]) assert.ok(isRunId(from(ahead)))
    const poisoned = [from(mostAheadMs + minute), '7ZZZZZZZZZZZZZZZZZZZZZZZZZ', from(0).toLowerCase()]
    for (const id of [...poisoned, '8ZZZZZZZZZZZZZZZZZZZZZZZZZ', `${from(0)}0`, '', 'latest'])
      assert.ok(!isRunId(id), id)
  })

  it('are minted whatever lies in the place of the last one, and go on from there', async () => {
    await using queue = await openRefreshQueue()
    const runs = await queue.bus.bucket('runs')
    for (const garbage of ['7ZZZZZZZZZZZZZZZZZZZZZZZZZ', '', '\u0000', '{"run":1}']) {
      const revision = await runs.put('latest', garbage)
      const id = await mintRunId(runs)
      assert.ok(isRunId(id))
      assert.ok((await mintRunId(runs)) > id)
      assert.ok(((await runs.get('latest'))?.revision ?? 0) > revision)
    }
  })
})
