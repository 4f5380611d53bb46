/** The storer: the single consumer in front of condor_vault_storer; one run of it at a time, whatever dies or sleeps. */
import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { consume } from '../../shared/consume.ts'
import { runDaemon } from '../../shared/daemon.ts'
import { openTickets } from '../../shared/kinit.ts'
import { keepLease } from '../../shared/lease.ts'
import { storeItem, tokenReady } from '../../shared/messages.ts'
import { serveRequests } from '../../shared/micro.ts'
import { failedEvent } from '../../shared/report.ts'
import { buckets, consumers, streams } from '../../shared/subjects.ts'
import { ensureTopology } from '../../shared/topology.ts'
import { openVaultPause } from '../../shared/vault-pause.ts'
import { handleStore } from './handle.ts'
import { planReady } from './plan.ts'
import { openStaging } from './staging.ts'

await runDaemon('storer', async ({ bus, log, site, stateDirectory, stack }) => {
  await ensureTopology(bus, 'storer', {
    streams: [streams.tokens],
    buckets: [buckets.targets, buckets.leases],
  })
  const lockFile = site().storer.lockFile ?? join(homedir(), '.managed-tokens', 'storer.lock')
  await mkdir(dirname(lockFile), { recursive: true, mode: 0o700 })
  const staging = openStaging(join(stateDirectory, 'runs'))
  const targets = await bus.bucket(buckets.targets)
  const deps = {
    site,
    targets,
    vaultPause: openVaultPause(targets, site),
    tickets: stack.use(await openTickets(join(stateDirectory, 'tickets'))),
    // Whoever holds the lease ends what an earlier holder left behind, before it runs anything itself.
    lease: stack.use(
      keepLease(await bus.bucket(buckets.leases), 'storer', { onTaken: staging.recover, log }),
    ),
    staging,
    lockFile,
  }

  stack.use(
    await consume(
      {
        stream: streams.store,
        consumer: consumers.storer,
        schemaOf: () => storeItem,
        handle: (received) => handleStore(received, deps),
        report: (item, failed, permanent) => failedEvent(item, 'store', item.credd, failed, permanent),
        concurrency: site().storer.lanes,
      },
      { bus, log },
    ),
  )
  stack.use(
    await consume(
      {
        stream: streams.tokens,
        consumer: consumers.storerPlan,
        filter: 'token.ready.*.*',
        schemaOf: () => tokenReady,
        handle: (received) => planReady(received, site),
        concurrency: 1,
      },
      { bus, log },
    ),
  )
  stack.use(await serveRequests(bus, 'storer', [], log))
})
