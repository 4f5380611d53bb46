import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Status } from '@nats-io/nats-core'
import { onStatus } from '../../../shared/bus/connect.ts'
import { collect, latch, within } from '../../support/latch.ts'
import { startTestNats } from '../../support/nats.ts'

describe('what the connection to NATS says of itself', () => {
  it('is heard by whoever asked for it, each status by its own handler', async () => {
    await using nats = await startTestNats()
    await using bus = await nats.connect('refresher')
    const heard = collect<string>()
    using _ = onStatus(bus.nc, {
      disconnect: ({ type }) => heard.add(type),
      reconnect: ({ type }) => heard.add(type),
    })
    await nats.crash()
    assert.deepEqual(await heard.reached(2), ['disconnect', 'reconnect'])
  })

  it('is waited for no longer once that is disposed, though nothing more is ever said', async (t) => {
    await using nats = await startTestNats()
    await using bus = await nats.connect('refresher')
    const ended = latch()
    const status = bus.nc.status.bind(bus.nc)
    t.mock.method(bus.nc, 'status', () => {
      const statuses = status() as AsyncIterable<Status> & { stop(): void }
      const read = async function* () {
        yield* statuses
        ended.open()
      }
      return Object.assign(read(), { stop: () => statuses.stop() })
    })
    onStatus(bus.nc, { reconnect: () => assert.fail('nobody listens any more') })[Symbol.dispose]()
    await within(ended.opened, 10_000, 'nothing waits for the next status')
  })

  it('is not heard any more once that is disposed, even where it was said before', async () => {
    const statuses = Promise.withResolvers<Status>()
    const ended = latch()
    const nc = {
      status: () =>
        Object.assign(
          (async function* () {
            yield await statuses.promise
            ended.open()
          })(),
          { stop: () => {} },
        ),
    }
    const following = onStatus(nc, { reconnect: () => assert.fail('nobody listens any more') })
    statuses.resolve({ type: 'reconnect', server: 'nats.lab.example' })
    following[Symbol.dispose]()
    await ended.opened
  })
})
