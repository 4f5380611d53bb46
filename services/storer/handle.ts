/** Stores one entry's vault token in one credd: lease, ticket, staging, the storer itself, verification; answers with `token.stored`. */
import type { KV } from '@nats-io/kv'
import type { Entry, Site } from '../../shared/config/site.ts'
import type { Received } from '../../shared/consume.ts'
import { ClaimLost, RetryLater } from '../../shared/errors.ts'
import { findEntry } from '../../shared/find-entry.ts'
import type { Tickets } from '../../shared/kinit.ts'
import type { Lease } from '../../shared/lease.ts'
import { type StoreItem, schemaVersion, type TokenStored, timestamp } from '../../shared/messages.ts'
import { lastTokenStore } from '../../shared/metrics.ts'
import type { Fact, Outgoing } from '../../shared/publish.ts'
import { storeSubject, tokenSubject } from '../../shared/subjects.ts'
import { type Acted, workOnTarget } from '../../shared/target.ts'
import type { VaultPause } from '../../shared/vault-pause.ts'
import { findVaultServer } from '../../shared/vault-server.ts'
import type { Staging } from './staging.ts'
import { runVaultStorer, type StorerRun } from './vault-storer.ts'
import { verifyStored } from './verify.ts'

export interface StoreDeps {
  readonly site: () => Site
  readonly targets: KV
  readonly tickets: Tickets
  readonly lease: Lease
  readonly staging: Staging
  readonly vaultPause: VaultPause
  /** Held by every storer command of this host user. */
  readonly lockFile: string
}

/** A target that fails slowly takes the one lane from all others: it comes back seldom (milliseconds). */
const backoff = { firstMs: 60_000, longestMs: 10 * 60_000 }
/** How soon a storer without the lease looks again (milliseconds). */
const standbyMs = 1_000

/** Handles `store.<experiment>.<role>.<credd>`. */
export async function handleStore(
  received: Received<StoreItem>,
  deps: StoreDeps,
): Promise<readonly Outgoing[]> {
  const item = received.body
  const site = deps.site()
  const entry = findEntry(site, item.entry)
  if (!(await deps.lease.held())) throw new RetryLater(standbyMs)
  return workOnTarget(
    {
      key: storeSubject(item, item.credd),
      run: item.run,
      entry: item.entry,
      target: item.credd,
      retry: site.retries.store,
      backoff,
    },
    deps.targets,
    received,
    () => deps.vaultPause.heed(item.deadline, () => store(item, entry, site, received.signal, deps)),
  )
}

async function store(
  item: StoreItem,
  entry: Entry,
  site: Site,
  signal: AbortSignal,
  deps: StoreDeps,
): Promise<Acted> {
  const { credd } = item
  const ccache = await deps.tickets.ccacheOf(entry, {
    minLifeMs: site.timeouts.globalMs,
    timeoutMs: site.timeouts.kerberosMs,
    signal,
  })
  const vaultServer = await findVaultServer(entry, {
    ...site.refresher,
    timeoutMs: site.timeouts.kerberosMs,
    signal,
  })
  await using stage = await deps.staging.stage(entry, credd)
  const run: StorerRun = { entry, credd, site, vaultServer, ccache, stage, lockFile: deps.lockFile, signal }
  await runVaultStorer(run)
  await verifyStored(run)
  await stage.takeBack()
  if (!(await deps.lease.held())) throw new ClaimLost('the lease went to another storer meanwhile')
  lastTokenStore.set({ service: entry.service, credd }, Date.now() / 1_000)
  return { messages: [storedEvent(item)] }
}

function storedEvent(item: StoreItem): Fact {
  const { run, entry, service, experiment, role, mode, deadline, credd, ready } = item
  const body: TokenStored = {
    schema: schemaVersion,
    at: timestamp(),
    ...{ run, entry, service, experiment, role, mode, deadline, credd, ready },
  }
  return {
    kind: 'fact',
    subject: tokenSubject('stored', item),
    id: `${run}.${storeSubject(item, credd)}.stored`,
    body,
  }
}
