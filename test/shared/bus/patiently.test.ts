import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errors } from '@nats-io/nats-core'
import { patiently } from '../../../shared/bus/patiently.ts'
import { latch } from '../../support/latch.ts'

/** Answers after so many failures. */
function busyFor(failures: number, error: Error = new errors.TimeoutError()) {
  let asked = 0
  const ask = async () => {
    asked += 1
    if (asked <= failures) throw error
    return `answer ${asked}`
  }
  return { ask, asked: () => asked }
}
const quick = { pauseMs: 0 }

describe('a question to a bus that is away', () => {
  it('is asked again until it is answered, and that is said once', async () => {
    const said: unknown[] = []
    const log = { warn: (fields: unknown) => said.push(fields) }
    const { ask } = busyFor(3)
    assert.equal(await patiently(ask, { ...quick, log }), 'answer 4')
    assert.deepEqual(said, [{ reason: 'timeout' }])
  })

  it('is not asked again where the answer would be the same', async () => {
    for (const error of [new TypeError('a mistake'), new errors.ClosedConnectionError()]) {
      const { ask, asked } = busyFor(9, error)
      await assert.rejects(patiently(ask, quick), error)
      assert.equal(asked(), 1)
    }
  })

  it('is given up when the patience is over, with what the bus did', async () => {
    await assert.rejects(
      patiently(busyFor(Number.POSITIVE_INFINITY).ask, { ...quick, patienceMs: 1 }),
      errors.TimeoutError,
    )
  })

  it('is given up when we stop, while it waits for the next try', async () => {
    const stop = new AbortController()
    const tried = latch()
    const ask = () => {
      tried.open()
      return Promise.reject(new errors.TimeoutError())
    }
    const asking = patiently(ask, { signal: stop.signal, pauseMs: 60_000 })
    await tried.opened
    stop.abort(new Error('stopping'))
    await assert.rejects(asking, errors.TimeoutError)
  })

  it('is given up when we stop, although no answer ever comes', async () => {
    const stop = new AbortController()
    const asking = patiently(() => new Promise(() => {}), { signal: stop.signal })
    stop.abort(new Error('stopping'))
    await assert.rejects(asking, { message: 'stopping' })
  })

  it('is asked once also by somebody who is stopping', async () => {
    const signal = AbortSignal.abort(new Error('stopping'))
    assert.equal(await patiently(busyFor(0).ask, { signal }), 'answer 1')
    const { ask, asked } = busyFor(9)
    await assert.rejects(patiently(ask, { signal }), errors.TimeoutError)
    assert.equal(asked(), 1)
  })
})
