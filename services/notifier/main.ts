/** The notifier: keeps the ledger of runs, ends them, and tells the right people once. Needs no keytab and no token. */
import { consume } from '../../shared/consume.ts'
import { runDaemon } from '../../shared/daemon.ts'
import { deadLetter, notification } from '../../shared/messages.ts'
import { serveRequests } from '../../shared/micro.ts'
import { buckets, consumers, requests, streams } from '../../shared/subjects.ts'
import { ensureTopology } from '../../shared/topology.ts'
import { announceDeadLetter } from './dead-letter.ts'
import { keepDeadlines } from './deadlines.ts'
import { handleFact, schemaOfFact } from './handle.ts'
import { openLedger } from './ledger-store.ts'
import { deliver } from './outbox.ts'
import { readStatus } from './status-request.ts'

/** Messages on their way to people at the same time. */
const deliveries = 8

await runDaemon('notifier', async ({ bus, log, site, stack }) => {
  await ensureTopology(bus, 'notifier', { streams: [streams.tokens], buckets: [] })
  const runs = await bus.bucket(buckets.runs)
  const ledger = await openLedger(runs)
  const deps = { site, ledger, failures: await bus.bucket(buckets.failures) }

  stack.use(
    await consume(
      {
        stream: streams.notify,
        consumer: consumers.notifierOutbox,
        schemaOf: () => notification,
        handle: (received) => deliver(received, { site, runs }),
        concurrency: deliveries,
      },
      { bus, log },
    ),
  )
  stack.use(
    await consume(
      {
        stream: streams.dead,
        consumer: consumers.notifierDead,
        schemaOf: () => deadLetter,
        handle: (received) => announceDeadLetter(received, site),
        concurrency: 1,
      },
      { bus, log },
    ),
  )
  stack.use(
    await consume(
      {
        stream: streams.tokens,
        consumer: consumers.notifier,
        schemaOf: schemaOfFact,
        handle: (received) => handleFact(received, deps),
        concurrency: 1,
      },
      { bus, log },
    ),
  )
  stack.use(keepDeadlines(deps, { bus, log }))
  stack.use(
    await serveRequests(
      bus,
      'notifier',
      [{ name: 'status', subject: requests.status, answer: (body) => readStatus(body, ledger) }],
      log,
    ),
  )
})
