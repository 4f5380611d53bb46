/** The refresher: plans runs, makes a vault token per entry, seals it, and says that it is ready. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { consume } from '../../shared/consume.ts'
import { runDaemon } from '../../shared/daemon.ts'
import { openTickets } from '../../shared/kinit.ts'
import { refreshItem, runStarted } from '../../shared/messages.ts'
import { serveRequests } from '../../shared/micro.ts'
import { failedEvent } from '../../shared/report.ts'
import { sealingPublicKeyFile } from '../../shared/state.ts'
import { buckets, consumers, requests, streams } from '../../shared/subjects.ts'
import { ensureTopology } from '../../shared/topology.ts'
import { openVaultPause } from '../../shared/vault-pause.ts'
import { handleRefresh } from './handle.ts'
import { planRun } from './plan.ts'
import { startRun } from './run-request.ts'
import { listServices } from './services-request.ts'

await runDaemon('refresher', async ({ bus, log, site, freshSite, stateRoot, stateDirectory, stack }) => {
  await ensureTopology(bus, 'refresher', { streams: [], buckets: [buckets.runs] })
  const targets = await bus.bucket(buckets.targets)
  const uids = await bus.bucket(buckets.uids)
  const runs = await bus.bucket(buckets.runs)
  const deps = {
    site,
    targets,
    uids,
    sealed: await bus.bucket(buckets.sealed),
    tickets: stack.use(await openTickets(join(stateDirectory, 'tickets'))),
    sealTo: site().sealing.publicKey ?? (await readFile(sealingPublicKeyFile(stateRoot), 'utf8')).trim(),
    vaultPause: openVaultPause(targets, site),
    tokenDirectory: join(stateDirectory, 'tokens'),
  }

  stack.use(
    await consume(
      {
        stream: streams.refresh,
        consumer: consumers.refresher,
        schemaOf: () => refreshItem,
        handle: (received) => handleRefresh(received, deps),
        report: (item, failed, permanent) => failedEvent(item, 'refresh', undefined, failed, permanent),
        concurrency: site().refresher.concurrency,
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
          answer: (body) => startRun(body, 'request', { bus, runs, freshSite }),
        },
        { name: 'services', subject: requests.services, answer: () => listServices({ site, targets, uids }) },
      ],
      log,
    ),
  )
})
