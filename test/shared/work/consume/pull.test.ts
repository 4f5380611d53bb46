import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Consumer } from '@nats-io/jetstream'
import type { Status } from '@nats-io/nats-core'
import { pino } from 'pino'
import type { Bus } from '../../../../shared/bus/connect.ts'
import { consumers, streams } from '../../../../shared/contracts/subjects.ts'
import { startPulling } from '../../../../shared/work/consume/pull.ts'
import { collect } from '../../../support/latch.ts'

/** A pull that brings nothing and ends when it is stopped. */
function openPull() {
  const stopped = Promise.withResolvers<void>()
  return {
    stop: () => stopped.resolve(),
    [Symbol.asyncIterator]: () => ({
      next: () => stopped.promise.then(() => ({ done: true, value: undefined })),
    }),
  }
}

/** A connection whose statuses the test says. */
function openStatuses() {
  let next = Promise.withResolvers<Status | undefined>()
  async function* statuses(): AsyncGenerator<Status> {
    for (;;) {
      const status = await next.promise
      if (!status) return
      next = Promise.withResolvers()
      yield status
    }
  }
  const stop = () => next.resolve(undefined)
  return {
    nc: { status: () => Object.assign(statuses(), { stop }) },
    say: (status: Status) => next.resolve(status),
  }
}

describe('pulling', () => {
  it('asks again at once when the server is back, and ends with its stop', async () => {
    const { nc, say } = openStatuses()
    const asked = collect<number>()
    const stop = new AbortController()
    const pulling = startPulling({
      ...{ stream: streams.refresh, name: consumers.refresher, stop: stop.signal },
      consumer: {
        async fetch({ max_messages }: { max_messages: number }) {
          asked.add(max_messages)
          return openPull()
        },
      } as unknown as Consumer,
      room: async () => 7,
      ensure: () => assert.fail('nothing is missing'),
      accept: () => assert.fail('there is nothing to accept'),
      ...{ bus: { nc } as unknown as Bus, log: pino({ level: 'silent' }) },
    })
    await asked.reached(1)
    say({ type: 'reconnect', server: 'nats.lab.example' })
    assert.deepEqual(await asked.reached(2, 10_000), [7, 7])
    stop.abort()
    await pulling.ended
  })
})
