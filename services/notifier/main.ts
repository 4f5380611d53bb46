/** The notifier: keeps the ledger of runs, ends them, and tells the right people once. Needs no keytab and no token. */
import { buckets, consumers, requests, streams } from '../../shared/contracts/subjects.ts'
import { runDaemon } from '../../shared/daemon/run-daemon.ts'
import { consuming } from '../../shared/work/consume/consume.ts'
import { startClock } from './clock.ts'
import { startDigests } from './digest/start-digests.ts'
import { handleFact, schemaOfFact } from './handle.ts'
import { readHistory } from './ledger/answer-history.ts'
import { openStatusAnswers } from './ledger/answer-status.ts'
import { openLedger } from './ledger/ledger-store.ts'
import { followFreshness } from './metrics/freshness.ts'
import { measureFact, recallFinished } from './metrics/measure.ts'
import { keepDeadLetter, schemaOfDead } from './news/dead-letter.ts'
import { deliver, schemaOfNotification } from './outbox/deliver.ts'
import { chooseMessage, mostAtOnce } from './outbox/next-message.ts'
import { createRateLimiter } from './outbox/rate-limiter.ts'

await runDaemon('notifier', {
  needs: { streams: [streams.tokens], buckets: [buckets.targets] },
  async open({ bus, log, site, stack }) {
    const runs = await bus.bucket(buckets.runs)
    const ledger = await openLedger(runs)
    const failures = await bus.bucket(buckets.failures)
    const targets = await bus.bucket(buckets.targets)
    const digests = stack.use(startDigests({ bus, site, runs, failures, log }))
    const deps = { bus, site, ledger, failures, targets, news: digests }
    const outbox = { site, runs, limiter: createRateLimiter(), unrecorded: new Set<string>() }
    const hasMetrics = site().telemetry.metricsPort !== undefined || site().prometheus !== undefined
    await recallFinished(ledger)
    const { statusPage } = site().notifier
    if (statusPage) {
      // Nothing of a web server is loaded where none is wanted.
      const { openStatusPage } = await import('./page/status-page.ts')
      stack.use(await openStatusPage(statusPage, { ...deps, runs, log }))
    }
    return {
      consumers: [
        consuming({
          stream: streams.notify,
          consumer: consumers.notifierOutbox,
          schemaOf: schemaOfNotification,
          handle: (received) => deliver(received, outbox),
          concurrency: mostAtOnce,
          choose: chooseMessage,
        }),
        consuming({
          stream: streams.dead,
          consumer: consumers.notifierDead,
          schemaOf: schemaOfDead,
          handle: (received) => keepDeadLetter(received, deps),
          concurrency: 1,
        }),
        consuming({
          stream: streams.tokens,
          consumer: consumers.notifier,
          schemaOf: schemaOfFact,
          handle: (received) => measureFact(received, () => handleFact(received, deps)),
          concurrency: 1,
        }),
      ],
      endpoints: [
        { name: 'status', subject: requests.status, answer: openStatusAnswers(ledger) },
        { name: 'history', subject: requests.history, answer: (body) => readHistory(body, ledger, site) },
      ],
      loops: [
        ...(hasMetrics ? [() => followFreshness(deps, site, log)] : []),
        () => startClock({ ...deps, wake: digests.wake }, log),
      ],
    }
  },
})
