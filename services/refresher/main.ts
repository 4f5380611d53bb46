/** The refresher: plans runs, makes a vault token per entry, seals it, and says that it is ready. */
import { join } from 'node:path'
import { refreshItem, runStarted } from '../../shared/contracts/messages.ts'
import { onSubject } from '../../shared/contracts/on-subject.ts'
import { buckets, consumers, refreshSubject, requests, streams } from '../../shared/contracts/subjects.ts'
import { runDaemon } from '../../shared/daemon/run-daemon.ts'
import { readSealing } from '../../shared/daemon/sealing-keys.ts'
import { openTickets } from '../../shared/kerberos/kinit.ts'
import { openVaultBudget } from '../../shared/vault/budget.ts'
import { openVaultPause } from '../../shared/vault/pause.ts'
import { consuming } from '../../shared/work/consume/consume.ts'
import { failedEvent } from '../../shared/work/failed-event.ts'
import { openRunCache } from '../../shared/work/run-cache.ts'
import { listServices } from './answer-services.ts'
import { handleRefresh } from './handle.ts'
import { openIssuers } from './issuer/issuers.ts'
import { keepLogins } from './logins/keep-logins.ts'
import { planRun } from './plan.ts'
import { schedules } from './schedule/all-schedules.ts'
import { openRunRequests } from './start-run/run-request.ts'
import { openFerryBearer } from './uids/ferry-bearer.ts'
import { startUidRefresh } from './uids/refresh-uids.ts'

await runDaemon('refresher', {
  needs: { streams: [], buckets: [buckets.runs] },
  async open({ bus, log, site, freshSite, configProblems, stateRoot, stateDirectory, stack, stopping }) {
    const targets = await bus.bucket(buckets.targets)
    const uids = await bus.bucket(buckets.uids)
    const tickets = stack.use(await openTickets(join(stateDirectory, 'tickets')))
    const vaultPause = openVaultPause(targets, site, { budget: openVaultBudget(targets, site, log), log })
    const sealing = await readSealing(site().sealing, stateRoot)
    const { keeping } = stack.use(
      keepLogins({
        ...{ site, stateDirectory, log, signingSeed: sealing.signingSeed },
        bucket: await bus.bucket(buckets.logins),
      }),
    )
    const deps = {
      ...{ site, targets, uids, tickets, vaultPause },
      sealed: await bus.bucket(buckets.sealed),
      sealing,
      issuer: { issuers: openIssuers(), keeping },
      answers: openRunCache(),
      ferryBearer: openFerryBearer({ site, tickets, vaultPause, directory: stateDirectory }),
      tokenDirectory: join(stateDirectory, 'tokens'),
    }
    const runDeps = { bus, runs: await bus.bucket(buckets.runs), freshSite, problems: configProblems }
    const uidDeps = { bus, uids, freshSite, log, signal: stopping, bearer: deps.ferryBearer }
    return {
      consumers: [
        consuming({
          stream: streams.refresh,
          consumer: consumers.refresher,
          schemaOf: (subject) => onSubject(subject, refreshItem, refreshSubject),
          handle: (received) => handleRefresh(received, deps),
          report: (item, failed, permanent) => failedEvent(item, 'refresh', undefined, failed, permanent),
          concurrency: site().refresher.concurrency,
          // One at a time for each entry: its kept token and its ticket have one place.
          choose: (waiting, working) =>
            waiting.find(({ entry }) => !working.some((other) => other.entry === entry)),
        }),
        consuming({
          stream: streams.tokens,
          consumer: consumers.refresherPlan,
          filter: 'run.started',
          schemaOf: () => runStarted,
          handle: planRun,
          concurrency: 1,
        }),
      ],
      endpoints: [
        { name: 'run', subject: requests.run, answer: openRunRequests(runDeps) },
        { name: 'services', subject: requests.services, answer: (body) => listServices(body, deps) },
        {
          name: 'uids-refresh',
          subject: requests.uidsRefresh,
          answer: (body) => startUidRefresh(body, uidDeps),
        },
      ],
      loops: schedules({ ...runDeps, ...uidDeps, site, targets }),
    }
  },
})
