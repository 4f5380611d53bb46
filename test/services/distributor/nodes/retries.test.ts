import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { retriesOfPush } from '../../../../services/distributor/nodes/retries.ts'
import { siteOf } from '../../build.ts'

const retriesOf = (numRetries: number, retrySleepMs: number) => {
  const site = siteOf()
  return retriesOfPush({
    retries: { ...site.retries, push: { numRetries, retrySleepMs } },
    distributor: { ...site.distributor, probePeriod: 60_000 },
  })
}

describe('when a push is tried again', () => {
  it('is after the configured pause', () => {
    assert.deepEqual(retriesOf(3, 10_000).retry, { numRetries: 3, retrySleepMs: 10_000 })
  })
  it('is soon enough for a node that is back within the probe’s period, however long the pause', () => {
    for (const pause of [60_000, 600_000]) {
      const { retry, backoff } = retriesOf(3, pause)
      assert.deepEqual(retry, { numRetries: 3, retrySleepMs: 48_000 })
      assert.equal(backoff.longestMs, 48_000)
    }
  })
})
