import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Consumer, JetStreamApiCodes, JetStreamApiError, type JsMsg } from '@nats-io/jetstream'
import type { Status } from '@nats-io/nats-core'
import { pino } from 'pino'
import type { Bus } from '../../../../shared/bus/connect.ts'
import { ownedBy } from '../../../../shared/bus/streams/topology.ts'
import { consumers, streams } from '../../../../shared/contracts/subjects.ts'
import { type PullOptions, startPulling } from '../../../../shared/work/consume/pull.ts'
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
  it('looks for the consumer and asks again at once when the server is back, and ends with its stop', async (t) => {
    const { nc, say } = openStatuses()
    const asked = collect<number>()
    const stop = new AbortController()
    t.after(() => stop.abort())
    const looked: number[] = []
    const pulling = startPulling({
      ...{ stream: streams.refresh, name: consumers.refresher, stop: stop.signal },
      consumer: {
        async fetch({ max_messages }: { max_messages: number }) {
          asked.add(max_messages)
          return openPull()
        },
      } as unknown as Consumer,
      room: async () => 7,
      ensure: async () => void looked.push(asked.items.length),
      accept: () => assert.fail('there is nothing to accept'),
      ...{ bus: { nc } as unknown as Bus, log: pino({ level: 'silent' }) },
    })
    await asked.reached(1)
    say({ type: 'reconnect', server: 'nats.lab.example' })
    assert.deepEqual(await asked.reached(2, 10_000), [7, 7])
    assert.deepEqual(looked, [1], 'once, before it asks')
    stop.abort()
    await pulling.ended
  })
})

/** A pull that brings these messages, then ends or fails. */
async function* brings(messages: readonly JsMsg[], error?: Error): AsyncGenerator<JsMsg> {
  yield* messages
  if (error) throw error
}

/** Every stream and bucket is there. */
const jsmOf = (created: string) => ({
  streams: {
    async *names() {
      for (const { plan } of ownedBy('refresher')) yield plan.config.name
    },
    info: async () => ({ created }),
  },
})
const notFound = {
  code: 404,
  err_code: JetStreamApiCodes.ConsumerNotFound,
  description: 'consumer not found',
}

/** A consumer of which each pull is one of these, and the last is that the test stops; and all that happens. */
function pullAll(
  pulls: readonly (() => AsyncIterable<JsMsg>)[],
  { info, ...more }: Partial<PullOptions> & { info?: (isCached?: boolean) => Promise<object> } = {},
) {
  const { nc } = openStatuses()
  const stop = new AbortController()
  const accepted: JsMsg[] = []
  const lines: Record<string, unknown>[] = []
  const fetched: unknown[] = []
  const left = [...pulls]
  const consumer = {
    async fetch(options: object) {
      fetched.push(options)
      const next = left.shift()
      if (next) return Object.assign(next(), { stop() {} })
      stop.abort()
      return openPull()
    },
    info: info ?? (async () => ({ created: '2026-01-01T00:00:00Z' })),
  } as unknown as Consumer
  const pulling = startPulling({
    ...{ stream: streams.refresh, name: consumers.refresher, consumer, stop: stop.signal },
    ...{ room: async () => 7, ensure: async () => {} },
    accept: async (message) => void accepted.push(message),
    bus: { nc, jsm: jsmOf('2026-01-01T00:00:00Z') } as unknown as Bus,
    log: pino({}, { write: (line) => void lines.push(JSON.parse(line)) }),
    ...more,
  })
  return { pulling, accepted, lines, fetched, stop }
}

describe('a pull', () => {
  const [one, two] = [{ seq: 1 }, { seq: 2 }] as unknown as [JsMsg, JsMsg]

  it('brings each message in its order, and is followed by the next one', async () => {
    const { pulling, accepted, fetched, lines } = pullAll([() => brings([one]), () => brings([two])])
    const begun = pulling.lastPull ?? 0
    await pulling.ended
    assert.deepEqual(accepted, [one, two])
    assert.equal(fetched.length, 3)
    assert.deepEqual(fetched[0], { max_messages: 7, expires: 20_000, idle_heartbeat: 5_000 })
    assert.ok((pulling.lastPull ?? 0) > begun)
    assert.deepEqual(lines, [])
  })

  it('that failed is told, is no sign of life, and is tried again after a look for what is missing', async () => {
    const seen: (number | null)[] = []
    const { pulling, lines, fetched } = pullAll([() => brings([], new Error('no server'))], {
      ensure: async () => void seen.push(pulling.lastPull),
    })
    await pulling.ended
    assert.deepEqual(seen, [null])
    const { msg, consumer, reason } = lines[0] ?? {}
    const told = ['cannot pull messages: trying again', consumers.refresher, 'no server']
    assert.deepEqual([msg, consumer, reason], told)
    assert.deepEqual([lines.length, fetched.length], [1, 2])
  })

  it('goes on where what is missing cannot be looked for, with a word', async () => {
    const { pulling, lines, fetched } = pullAll([() => brings([], new Error('no server'))], {
      ensure: () => Promise.reject(new Error('no leader')),
    })
    await pulling.ended
    const { msg, reason } = lines[1] ?? {}
    assert.deepEqual([msg, reason], ['could not make again what is missing', 'no leader'])
    assert.equal(fetched.length, 2)
  })

  describe('of a consumer that is gone', () => {
    const earlier = '2026-01-01T00:00:00Z'
    const later = '2026-01-02T00:00:00Z'
    /** It was made at `earlier`, then removed; what is told of that. */
    async function lossOf(streamMade: string) {
      let isGone = true
      const published: unknown[] = []
      const nc = { ...openStatuses().nc, isClosed: () => false, isDraining: () => false }
      const { pulling, lines } = pullAll([() => brings([], new Error('consumer deleted'))], {
        bus: {
          ...{ nc, jsm: jsmOf(streamMade) },
          js: {
            publish: async (subject: string, text: string) => published.push([subject, JSON.parse(text)]),
          },
        } as unknown as Bus,
        ensure: async () => {
          isGone = false
        },
        info: async (isCached) => {
          if (isGone && !isCached) throw new JetStreamApiError(notFound)
          return { created: isGone ? earlier : later }
        },
      })
      await pulling.ended
      return lines.filter(({ lost }) => lost !== undefined)
    }
    it('is made again, and told as lost', async () => {
      const [line, ...more] = await lossOf('2025-12-31T00:00:00Z')
      assert.deepEqual([line?.lost, more], [consumers.refresher, []])
    })
    it('is told with its stream alone where that was lost too', async () => {
      assert.deepEqual(await lossOf(later), [])
    })
  })

  it('is not asked for once there is no room any more because of a stop', async () => {
    const room = Promise.withResolvers<number>()
    const { pulling, fetched, stop } = pullAll([], { room: () => room.promise })
    stop.abort()
    room.resolve(0)
    await pulling.ended
    assert.deepEqual(fetched, [])
  })

  it('that fails because of the stop is told to nobody', async () => {
    const { pulling, lines, stop } = pullAll([
      () => {
        stop.abort()
        return brings([], new Error('stopped'))
      },
    ])
    await pulling.ended
    assert.deepEqual(lines, [])
  })
})
