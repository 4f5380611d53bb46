import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errors } from '@nats-io/nats-core'
import { describeRefusal, RequestError } from '../../../../shared/bus/requests/serve-requests.ts'

const silent = { error: () => {}, warn: () => {} }

describe('what is said to a request that is refused', () => {
  it('is one line for a header, whatever the request held', () => {
    const { code, text } = describeRefusal(new RequestError('bad-request', 'a\r\nb\u0000c\u2028d'), silent)
    assert.deepEqual([code, text], ['bad-request', 'a bc d'])
  })
  it('is short, however long the request was', () => {
    const { text } = describeRefusal(
      new RequestError('unknown-service', 'No service. '.repeat(90_000)),
      silent,
    )
    assert.ok(text.length <= 1_000)
    assert.match(text, /^No service\. .*…$/)
  })
  it('says that the bus is not ready, and what to do, where it does not answer', () => {
    const { code, text } = describeRefusal(new errors.TimeoutError(), silent)
    assert.equal(code, 'bus-not-ready')
    assert.match(text, /does not answer now: try again in a moment/)
  })
  it('says nothing of an error that nobody expected, which is in the log', () => {
    const logged: unknown[] = []
    const error = new Error('secret circumstances')
    const told = describeRefusal(error, {
      ...silent,
      error: (fields: unknown) => logged.push(fields),
    })
    assert.deepEqual(told, { code: 'unexpected', text: 'Something unexpected failed: see the daemon’s log.' })
    assert.deepEqual(logged, [{ err: error }])
  })
})
