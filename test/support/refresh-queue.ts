/** A bus as the refresher sees it, with everything made that it needs: its own server, three users, and a look at what is left. */
import assert from 'node:assert/strict'
import type { ConsumerInfo } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import pino from 'pino'
import type { Bus } from '../../shared/bus/connect.ts'
import { publish } from '../../shared/bus/publish.ts'
import { ensureOwned } from '../../shared/bus/streams/topology.ts'
import { type RefreshItem, refreshItem } from '../../shared/contracts/messages.ts'
import { consumers, deadSubject, type StreamName, streams } from '../../shared/contracts/subjects.ts'
import { type ConsumeTiming, type Consumption, consume } from '../../shared/work/consume/consume.ts'
import type { Received } from '../../shared/work/consume/handle-message.ts'
import { refreshWork } from './entry.ts'
import { eventually } from './latch.ts'
import { startTestNats, type TestNats } from './nats.ts'

/** So long that only what is handed back comes again within a test, however slow the machine is. */
const patient: ConsumeTiming = {
  ackWaitMs: 120_000,
  stopGraceMs: 300,
  backoff: { firstMs: 50, longestMs: 200 },
}
/** For what comes again by itself: three seconds instead of nine, long enough for a busy machine's heartbeats. */
export const quick: ConsumeTiming = { ...patient, ackWaitMs: 3_000 }

export const silent = pino({ level: 'silent' })

export interface RefreshQueue extends AsyncDisposable {
  readonly nats: TestNats
  /** The refresher's connection. */
  readonly bus: Bus
  readonly targets: KV
  /** Puts an item into `REFRESH`. */
  put(run: string, experiment?: string): Promise<void>
  /** Consumes `REFRESH`; the consumption is disposed with all the rest unless the test did. */
  consume(what: Partial<Consumption<RefreshItem>> & Handle, bus?: Bus): Promise<AsyncDisposable>
  info(): Promise<ConsumerInfo>
  /** Kills the server; ends when all connections are back. */
  crash(): Promise<void>
  /** Ends when the queue is empty and nothing waits for an ack. */
  settled(): Promise<void>
  /** The bodies on a subject of `TOKENS` or `DEAD`, oldest first. */
  read(stream: StreamName, subject: string): Promise<Record<string, unknown>[]>
  deadLetters(): Promise<Record<string, unknown>[]>
}

type Handle = { handle: (received: Received<RefreshItem>) => ReturnType<Consumption<RefreshItem>['handle']> }

/** Starts it. Disposing closes every connection, and fails when a consumption hangs. */
export async function openRefreshQueue(timing: ConsumeTiming = patient): Promise<RefreshQueue> {
  await using stack = new AsyncDisposableStack()
  const nats = stack.use(await startTestNats())
  const open = async (user: 'refresher' | 'notifier' | 'operator') => {
    const bus = await nats.connect(user)
    stack.defer(() => bus.nc.close())
    return bus
  }
  const [bus, notifier, operator] = await Promise.all([open('refresher'), open('notifier'), open('operator')])
  await Promise.all([ensureOwned(bus, 'refresher'), ensureOwned(notifier, 'notifier')])
  const info = () => operator.jsm.consumers.info(streams.refresh, consumers.refresher)
  const read = async (stream: StreamName, subject: string) => {
    const { state } = await operator.jsm.streams.info(stream)
    const bodies: Record<string, unknown>[] = []
    for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq++) {
      const message = await operator.jsm.streams.getMessage(stream, { seq })
      if (message?.subject === subject) bodies.push(message.json())
    }
    return bodies
  }
  const consumptions = stack.use(new AsyncDisposableStack())
  const running = stack.move()
  return {
    nats,
    bus,
    targets: await bus.bucket('targets'),
    put: (run, experiment) => publish(bus, refreshWork(run, experiment)),
    async consume(what, other = bus) {
      const started = await consume<RefreshItem>(
        {
          stream: streams.refresh,
          consumer: consumers.refresher,
          schemaOf: () => refreshItem,
          concurrency: 1,
          ...what,
        },
        { bus: other, log: silent, timing },
      )
      const once = disposeOnce(started)
      consumptions.use(once)
      return once
    },
    info,
    async crash() {
      const back = [bus, notifier, operator].map(untilReconnected)
      await nats.crash()
      await Promise.all(back)
    },
    settled: () =>
      eventually(async () => {
        const { num_ack_pending, num_pending } = await info()
        return num_ack_pending === 0 && num_pending === 0
      }, 'an empty queue'),
    read,
    deadLetters: () => read(streams.dead, deadSubject(streams.refresh, consumers.refresher)),
    async [Symbol.asyncDispose]() {
      await running.disposeAsync()
      for (const one of [bus, notifier, operator]) assert.equal(one.nc.isClosed(), true)
    },
  }
}

/** What is sent before that may be lost without a word. */
async function untilReconnected({ nc }: Bus): Promise<void> {
  for await (const { type } of nc.status()) if (type === 'reconnect') return
}

function disposeOnce(resource: AsyncDisposable): AsyncDisposable {
  let disposed: PromiseLike<void> | undefined
  return {
    [Symbol.asyncDispose]() {
      disposed ??= resource[Symbol.asyncDispose]()
      return disposed
    },
  }
}
