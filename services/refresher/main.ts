/** The refresher: plans runs, makes a vault token per entry, seals it, and says that it is ready. */
import { join } from 'node:path'
import { ulid } from 'ulid'
import { serveRequests } from '../../shared/bus/requests/serve-requests.ts'
import { awaitTopology } from '../../shared/bus/streams/topology.ts'
import { type CronTimes, cronTimes } from '../../shared/config/cron-times.ts'
import type { Site } from '../../shared/config/site.ts'
import { refreshItem, runStarted } from '../../shared/contracts/messages.ts'
import { onSubject } from '../../shared/contracts/on-subject.ts'
import { buckets, consumers, refreshSubject, requests, streams } from '../../shared/contracts/subjects.ts'
import { runDaemon } from '../../shared/daemon/run-daemon.ts'
import { readSealing } from '../../shared/daemon/sealing-keys.ts'
import { openTickets } from '../../shared/kerberos/kinit.ts'
import { openVaultBudget } from '../../shared/vault/budget.ts'
import { openVaultPause } from '../../shared/vault/pause.ts'
import { consume } from '../../shared/work/consume/consume.ts'
import { failedEvent } from '../../shared/work/failed-event.ts'
import { openRunCache } from '../../shared/work/run-cache.ts'
import { listServices } from './answer-services.ts'
import { handleRefresh } from './handle.ts'
import { planRun } from './plan.ts'
import { beginWith, keepSchedule } from './schedule/keep-schedule.ts'
import { renewalCron, startRenewal } from './schedule/renew-bearers.ts'
import { openRunRequests } from './start-run/run-request.ts'
import { startScheduledRun } from './start-run/scheduled-run.ts'
import { openFerryBearer } from './uids/ferry-bearer.ts'
import { refreshUids, startUidRefresh } from './uids/refresh-uids.ts'

await runDaemon('refresher', async (context) => {
  const { bus, log, site, freshSite, configProblems, stateRoot, stateDirectory, stack } = context
  await awaitTopology(bus, { streams: [], buckets: [buckets.runs] })
  const targets = await bus.bucket(buckets.targets)
  const uids = await bus.bucket(buckets.uids)
  const runs = await bus.bucket(buckets.runs)
  const tickets = stack.use(await openTickets(join(stateDirectory, 'tickets')))
  const vaultPause = openVaultPause(targets, site, { budget: openVaultBudget(targets, site, log), log })
  const deps = {
    ...{ site, targets, uids, tickets, vaultPause },
    sealed: await bus.bucket(buckets.sealed),
    sealing: await readSealing(site().sealing, stateRoot),
    answers: openRunCache(),
    ferryBearer: openFerryBearer({ site, tickets, vaultPause, directory: stateDirectory }),
    tokenDirectory: join(stateDirectory, 'tokens'),
  }
  const runDeps = { bus, runs, freshSite, problems: configProblems }
  const stopping = new AbortController()
  const uidDeps = { bus, uids, freshSite, log, signal: stopping.signal, bearer: deps.ferryBearer }

  stack.use(
    await consume(
      {
        stream: streams.refresh,
        consumer: consumers.refresher,
        schemaOf: (subject) => onSubject(subject, refreshItem, refreshSubject),
        handle: (received) => handleRefresh(received, deps),
        report: (item, failed, permanent) => failedEvent(item, 'refresh', undefined, failed, permanent),
        concurrency: site().refresher.concurrency,
        // One at a time for each entry: its kept token and its ticket have one place.
        choose: (waiting, working) =>
          waiting.find(({ entry }) => !working.some((other) => other.entry === entry)),
      },
      { bus, log },
    ),
  )
  stack.use(
    await consume(
      {
        stream: streams.tokens,
        consumer: consumers.refresherPlan,
        filter: 'run.started',
        schemaOf: () => runStarted,
        handle: planRun,
        concurrency: 1,
      },
      { bus, log },
    ),
  )
  stack.use(
    await serveRequests(
      bus,
      'refresher',
      [
        {
          name: 'run',
          subject: requests.run,
          answer: openRunRequests(runDeps),
        },
        {
          name: 'services',
          subject: requests.services,
          answer: (body) => listServices(body, { site, targets, uids }),
        },
        {
          name: 'uids-refresh',
          subject: requests.uidsRefresh,
          answer: (body) => startUidRefresh(body, uidDeps),
        },
      ],
      log,
    ),
  )
  stack.use(
    keepSchedule({
      ...{ name: 'run', targets, log, patienceMs: 10_000 },
      times: scheduleOf(() => site().schedule.cron, site),
      jitterMs: () => site().schedule.jitter,
      act: (firing) => startScheduledRun(firing, runDeps, log),
    }),
  )
  stack.use(
    keepSchedule({
      ...{ name: 'uids', targets, log, patienceMs: 5 * 60_000 },
      times: scheduleOf(() => (site().ferry ? site().schedule.uids : false), site),
      jitterMs: () => site().schedule.jitter,
      act: async (firing) => {
        await refreshUids(await beginWith(firing, async () => ulid()), 'schedule', uidDeps)
      },
    }),
  )
  stack.use(
    keepSchedule({
      ...{ name: 'bearers', targets, log, patienceMs: 10_000 },
      times: scheduleOf(() => renewalCron(site()), site),
      jitterMs: () => 0,
      act: (firing) => startRenewal(firing, { ...runDeps, targets }, log),
    }),
  )
  // First of all, or a FERRY that hangs would be waited for.
  stack.defer(() => stopping.abort(new Error('stopping')))
})

/** What a schedule goes by now; made anew only when a reload has changed it. */
function scheduleOf(cron: () => string | false, site: () => Site): () => CronTimes | undefined {
  let known: { readonly of: string; readonly times: CronTimes } | undefined
  return () => {
    const expression = cron()
    if (expression === false) return undefined
    const { timeZone } = site().schedule
    const of = `${expression} ${timeZone}`
    if (known?.of !== of) known = { of, times: cronTimes(expression, timeZone) }
    return known.times
  }
}
