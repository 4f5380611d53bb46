/** The refresher: plans runs, makes a vault token per entry, seals it, and says that it is ready. */
import { join } from 'node:path'
import {
  type RefreshItem,
  type RefreshRemoval,
  refreshWork,
  runStarted,
  takesAway,
} from '../../shared/contracts/messages.ts'
import { onSubject } from '../../shared/contracts/on-subject.ts'
import { buckets, consumers, refreshSubject, requests, streams } from '../../shared/contracts/subjects.ts'
import { runDaemon } from '../../shared/daemon/run-daemon.ts'
import { readSealing } from '../../shared/daemon/sealing-keys.ts'
import { openTickets } from '../../shared/kerberos/kinit.ts'
import { openVaultBudget } from '../../shared/vault/budget.ts'
import { openVaultPause } from '../../shared/vault/pause.ts'
import { consuming } from '../../shared/work/consume/consume.ts'
import type { Received } from '../../shared/work/consume/handle-message.ts'
import { failedEvent } from '../../shared/work/failed-event.ts'
import { memoryKey } from '../../shared/work/memory.ts'
import { openRevoked } from '../../shared/work/revoked.ts'
import { openRunCache } from '../../shared/work/run-cache.ts'
import { listServices } from './answer-services.ts'
import { handleRefresh } from './handle.ts'
import { openIssuers } from './issuer/issuers.ts'
import { keepLogins } from './logins/keep-logins.ts'
import { planRun } from './plan.ts'
import { restore, revoke } from './revocation/answer-revoke.ts'
import { openKeptRevoked } from './revocation/keep-revoked.ts'
import { keepRemoving } from './revocation/remove-everywhere.ts'
import { handleRefreshRemoval } from './revocation/remove-tokens.ts'
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
    const bucket = await bus.bucket(buckets.revoked)
    const revoked = openRevoked(bucket, log)
    const kept = openKeptRevoked(bucket, stateDirectory, { signal: stopping, log })
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
      revoked,
      memory: memoryKey(sealing.signingSeed),
    }
    const runs = await bus.bucket(buckets.runs)
    const revokedList = () => kept.read()
    const runDeps = { bus, runs, freshSite, problems: configProblems, revoked: revokedList }
    const serviceDeps = { site, targets, uids, revoked: revokedList }
    const removalDeps = { bus, runs, targets, uids, site: freshSite, kept, log }
    const uidDeps = { bus, uids, freshSite, log, signal: stopping, bearer: deps.ferryBearer }
    return {
      consumers: [
        consuming({
          stream: streams.refresh,
          consumer: consumers.refresher,
          schemaOf: (subject) => onSubject(subject, refreshWork, refreshSubject),
          handle: (received) =>
            takesAway(received.body)
              ? handleRefreshRemoval(received as Received<RefreshRemoval>, deps)
              : handleRefresh(received as Received<RefreshItem>, deps),
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
          handle: (received) => planRun(received, revoked),
          concurrency: 1,
        }),
      ],
      endpoints: [
        { name: 'run', subject: requests.run, answer: openRunRequests(runDeps) },
        { name: 'revoke', subject: requests.revoke, answer: (body) => revoke(body, removalDeps) },
        { name: 'restore', subject: requests.restore, answer: (body) => restore(body, removalDeps) },
        { name: 'services', subject: requests.services, answer: (body) => listServices(body, serviceDeps) },
        {
          name: 'uids-refresh',
          subject: requests.uidsRefresh,
          answer: (body) => startUidRefresh(body, uidDeps),
        },
      ],
      loops: [
        () => keepRemoving({ ...removalDeps, site }),
        ...schedules({ ...runDeps, ...uidDeps, site, targets }),
      ],
    }
  },
})
