/** The notifier's parts on a real bus: facts go in as the other daemons would publish them, messages to people come out. */
import type { KV } from '@nats-io/kv'
import pino from 'pino'
import { openClock } from '../../services/notifier/clock.ts'
import { startDigests } from '../../services/notifier/digest/start-digests.ts'
import { handleFact, type NotifierDeps, schemaOfFact } from '../../services/notifier/handle.ts'
import { openLedger } from '../../services/notifier/ledger/ledger-store.ts'
import { keepDeadLetter, schemaOfDead } from '../../services/notifier/news/dead-letter.ts'
import { newsIn } from '../../services/notifier/news/news-store.ts'
import type { Bus } from '../../shared/bus/connect.ts'
import { publish } from '../../shared/bus/publish.ts'
import { readBucket } from '../../shared/bus/read-bucket.ts'
import { ensureOwned } from '../../shared/bus/streams/topology.ts'
import type { Site } from '../../shared/config/site.ts'
import { type Notification, notification } from '../../shared/contracts/messages.ts'
import { buckets, consumers, streams } from '../../shared/contracts/subjects.ts'
import { consume } from '../../shared/work/consume/consume.ts'
import { eventually } from './latch.ts'
import { startTestNats } from './nats.ts'

const log = pino({ level: 'silent' })

export interface NotifierBus extends AsyncDisposable {
  readonly bus: Bus
  readonly runs: KV
  readonly failures: KV
  /** As the distributor has it. */
  readonly targets: KV
  /** Publishes a fact as the daemon does whose it is. */
  publish(subject: string, id: string, body: object): Promise<void>
  /** What one notifier's handlers get; each call is another notifier. */
  deps(site: () => Site): Promise<NotifierDeps>
  /** Handles facts and dead letters, and sends digests, as a notifier does while it is there. `bus`: what it asks, where that is looked at. */
  listen(deps: NotifierDeps & { readonly bus?: Bus }): Promise<AsyncDisposable>
  /** Ends when all of them were handled. */
  untilHeard(): Promise<void>
  /** Looks at the clock until everything was handled, and what there was to send lies in the outbox. */
  settle(deps: NotifierDeps): Promise<void>
  /** Whether there is news that was not sent. */
  hasNews(): Promise<boolean>
  /** Takes all messages out of the outbox. */
  takeOutbox(): Promise<Notification[]>
}

export async function openNotifierBus(): Promise<NotifierBus> {
  await using stack = new AsyncDisposableStack()
  const nats = stack.use(await startTestNats())
  const connect = async (user: 'refresher' | 'distributor' | 'notifier') =>
    stack.use(await nats.connect(user))
  const [refresher, distributor, bus] = [
    await connect('refresher'),
    await connect('distributor'),
    await connect('notifier'),
  ]
  await ensureOwned(refresher, 'refresher')
  await ensureOwned(bus, 'notifier')
  const runs = await bus.bucket(buckets.runs)
  const failures = await bus.bucket(buckets.failures)
  const targets = await distributor.bucket(buckets.targets)
  const owned = stack.move()
  const countUnheard = async () => {
    const infos = [
      await bus.jsm.consumers.info(streams.tokens, consumers.notifier),
      await bus.jsm.consumers.info(streams.dead, consumers.notifierDead),
    ]
    return infos.reduce((sum, { num_pending, num_ack_pending }) => sum + num_pending + num_ack_pending, 0)
  }
  return {
    ...{ bus, runs, failures, targets },
    publish: (subject, id, body) =>
      publish(subject.startsWith('token.pushed') ? distributor : refresher, {
        kind: 'fact',
        subject,
        id,
        body,
      }),
    async deps(site) {
      const ledger = await openLedger(runs)
      return { site, ledger, failures, targets: await bus.bucket(buckets.targets), news: newsIn(runs) }
    },
    async listen(given) {
      await using listening = new AsyncDisposableStack()
      const news = listening.use(startDigests({ bus, runs, log, ...given }))
      const deps = { ...given, news }
      listening.use(
        await consume(
          {
            ...{ stream: streams.tokens, consumer: consumers.notifier, schemaOf: schemaOfFact },
            handle: (received) => handleFact(received, deps),
            concurrency: 1,
          },
          { bus, log },
        ),
      )
      listening.use(
        await consume(
          {
            ...{ stream: streams.dead, consumer: consumers.notifierDead, schemaOf: schemaOfDead },
            handle: (received) => keepDeadLetter(received, deps),
            concurrency: 1,
          },
          { bus, log },
        ),
      )
      news.wake()
      return listening.move()
    },
    untilHeard: () =>
      eventually(async () => (await countUnheard()) === 0, 'all facts and dead letters handled'),
    async settle(deps) {
      const look = openClock({ ...deps, bus, wake: () => undefined })
      await eventually(
        async () => {
          await look(new Date())
          return (await countUnheard()) === 0 && !(await hasNews(runs))
        },
        'all facts handled and all news sent',
        60_000,
      )
    },
    hasNews: () => hasNews(runs),
    async takeOutbox() {
      const taken: Notification[] = []
      {
        await using _ = await consume(
          {
            ...{ stream: streams.notify, consumer: consumers.notifierOutbox, schemaOf: () => notification },
            handle: async ({ body }) => {
              taken.push(body)
              return []
            },
            concurrency: 1,
          },
          { bus, log },
        )
        await eventually(async () => {
          const info = await bus.jsm.consumers.info(streams.notify, consumers.notifierOutbox)
          return info.num_pending + info.num_ack_pending === 0
        }, 'an empty outbox')
      }
      return taken
    },
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}

/** Not by `keys`, which hangs for half a minute at times when one of them is deleted meanwhile. */
const hasNews = async (runs: KV) =>
  [...(await readBucket(runs, 'news.>')).values()].some(({ operation }) => operation === 'PUT')
