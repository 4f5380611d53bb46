import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openLogSinks } from '../../../../shared/telemetry/logs/log-sinks.ts'

const site = { devEnvironmentLabel: 'sandbox' }
const loki = { host: '127.0.0.1:9' }

describe('where lines are copied to', () => {
  it('Loki gets nothing where it is not configured, or switched off', async () => {
    assert.equal((await openLogSinks('storer', site, { useLoki: true })).length, 0)
    assert.equal((await openLogSinks('storer', { ...site, loki }, { useLoki: false })).length, 0)
    const [sink, ...more] = await openLogSinks('storer', { ...site, loki }, { useLoki: true })
    assert.ok(sink)
    assert.equal(more.length, 0)
    await sink[Symbol.asyncDispose]()
  })
})
