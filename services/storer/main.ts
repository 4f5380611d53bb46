/** The storer: the single consumer in front of condor_vault_storer; no more runs of it than lanes, whatever dies or sleeps. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { KV } from '@nats-io/kv'
import { readValue } from '../../shared/bus/read-value.ts'
import type { Site } from '../../shared/config/site.ts'
import {
  type StoreItem,
  type StoreRemoval,
  type StoreWork,
  storeWork,
  takesAway,
  tokenReady,
} from '../../shared/contracts/messages.ts'
import { onSubject } from '../../shared/contracts/on-subject.ts'
import { buckets, consumers, storeSubject, streams, tokenSubject } from '../../shared/contracts/subjects.ts'
import { readOwnKey } from '../../shared/daemon/own-key.ts'
import { runDaemon } from '../../shared/daemon/run-daemon.ts'
import { ensurePrivateDirectory } from '../../shared/daemon/state.ts'
import { openTickets } from '../../shared/kerberos/kinit.ts'
import { noteCredds } from '../../shared/telemetry/metrics/scrape.ts'
import { openVaultBudget } from '../../shared/vault/budget.ts'
import { openVaultPause } from '../../shared/vault/pause.ts'
import { consuming } from '../../shared/work/consume/consume.ts'
import type { Received } from '../../shared/work/consume/handle-message.ts'
import { entryNamed } from '../../shared/work/find-entry.ts'
import { keepLease } from '../../shared/work/lease.ts'
import { memoryKey } from '../../shared/work/memory.ts'
import { openRevoked } from '../../shared/work/revoked.ts'
import { openRunCache } from '../../shared/work/run-cache.ts'
import { targetRecord } from '../../shared/work/target-record.ts'
import { askOwnNames } from './condor/condor-version.ts'
import { watchCredds } from './condor/credd-health.ts'
import { openExclusiveQueue } from './exclusive/exclusive-queue.ts'
import { prepareLocks } from './exclusive/locks.ts'
import { joinReplicas } from './exclusive/replicas.ts'
import { serveWhileHeld } from './exclusive/while-leader.ts'
import { handleStore } from './handle.ts'
import { chooseStore } from './next-store.ts'
import { planStores } from './plan.ts'
import { openStaging } from './private-run/stage.ts'
import { handleStoreRemoval } from './remove.ts'
import { reportStore } from './report.ts'

/** Items in hand beside those in the lanes: they are being prepared or verified. */
const besideTheLanes = 3
/** In hand at most; how many there are now is chosen with the next one. */
const mostInHand = 16 + besideTheLanes

await runDaemon('storer', {
  needs: { streams: [streams.tokens], buckets: [buckets.targets, buckets.leases, buckets.revoked] },
  async open({ bus, log, site, stateDirectory, stack }) {
    const lockFile = site().storer.lockFile ?? join(homedir(), '.managed-tokens', 'storer.lock')
    await prepareLocks(lockFile)
    const runs = await ensurePrivateDirectory(join(stateDirectory, 'runs'))
    const staging = openStaging(runs, await joinReplicas(lockFile, runs))
    const targets = await bus.bucket(buckets.targets)
    const revoked = openRevoked(await bus.bucket(buckets.revoked), log)
    const memory = memoryKey(await readOwnKey(stateDirectory))
    // Whoever holds the lease ends what an earlier holder left behind, before it runs anything itself.
    const lease = stack.use(
      keepLease(await bus.bucket(buckets.leases), 'storer', { onTaken: staging.recover, log }),
    )
    const credds = watchCredds()
    const deps = {
      ...{ site, targets, lease, credds, staging, lockFile, revoked, memory },
      vaultPause: openVaultPause(targets, site, { budget: openVaultBudget(targets, site, log), log }),
      tickets: stack.use(await openTickets(join(stateDirectory, 'tickets'))),
      hasOwnNames: askOwnNames(),
      answers: openRunCache(),
      lanes: openExclusiveQueue(() => site().storer.lanes),
    }
    const stores = consuming({
      stream: streams.store,
      consumer: consumers.storer,
      schemaOf: (subject) => onSubject(subject, storeWork, (item) => storeSubject(item, item.credd)),
      handle: (received) =>
        takesAway(received.body)
          ? handleStoreRemoval(received as Received<StoreRemoval>, deps)
          : handleStore(received as Received<StoreItem>, deps),
      report: (item, failed, permanent) => reportStore(item, failed, permanent, site()),
      concurrency: mostInHand,
      choose: storesInTurn(credds.isTroubled, site),
    })
    return {
      consumers: [
        async (consumeDeps) => serveWhileHeld(lease, () => stores(consumeDeps), log),
        consuming({
          stream: streams.tokens,
          consumer: consumers.storerPlan,
          filter: 'token.ready.*.*',
          schemaOf: (subject) => onSubject(subject, tokenReady, (fact) => tokenSubject('ready', fact)),
          handle: async (received) => {
            if (await revoked.find(received.body.service, received)) return []
            const planned = await planStores(received, site, (key) => readExpiry(targets, key))
            noteCredds(received.body.entry, received.body.credds)
            return planned
          },
          concurrency: 1,
        }),
      ],
    }
  },
})

/** Experiments take turns. */
function storesInTurn(isTroubled: (credd: string) => boolean, site: () => Site) {
  const turns = new Map<string, number>()
  let turn = 0
  const accountOf = ({ entry }: StoreWork) => entryNamed(site().entries, entry)?.account ?? entry
  return (waiting: readonly StoreWork[], working: readonly StoreWork[]) => {
    if (working.length >= site().storer.lanes + besideTheLanes) return undefined
    const next = chooseStore(waiting, working, { isTroubled, accountOf, turns })
    if (next) turns.set(next.experiment, ++turn)
    return next
  }
}

async function readExpiry(targets: KV, key: string): Promise<string | undefined> {
  return (await readValue(targets, key, targetRecord)).value?.expiry
}
