/** Refreshes one entry: UID, credds, ticket, vault token, seal; answers with `token.ready`. */
import { randomUUID } from 'node:crypto'
import type { KV } from '@nats-io/kv'
import type { Entry, Site } from '../../shared/config/site.ts'
import type { Received } from '../../shared/consume.ts'
import { Permanent, Transient } from '../../shared/errors.ts'
import { findEntry } from '../../shared/find-entry.ts'
import type { Tickets } from '../../shared/kinit.ts'
import { type RefreshItem, schemaVersion, type TokenReady, timestamp } from '../../shared/messages.ts'
import type { Fact, Outgoing } from '../../shared/publish.ts'
import type { RunCache } from '../../shared/run-cache.ts'
import { seal } from '../../shared/seal.ts'
import { refreshSubject, sealedKey, tokenSubject } from '../../shared/subjects.ts'
import { type Acted, workOnTarget } from '../../shared/target.ts'
import { lastTokenGet } from '../../shared/telemetry/metrics.ts'
import { requestsPerToken } from '../../shared/vault-budget.ts'
import type { VaultPause } from '../../shared/vault-pause.ts'
import { findVaultServer, type VaultServerOptions } from '../../shared/vault-server.ts'
import { type CollectorOptions, findCredds } from './condor.ts'
import { type FerryBearer, findUid } from './ferry.ts'
import { getVaultToken } from './htgettoken.ts'
import { lifeLeft, tokenExpiry } from './vault-api.ts'

export interface RefreshDeps {
  readonly site: () => Site
  readonly targets: KV
  readonly uids: KV
  readonly sealed: KV
  readonly tickets: Tickets
  readonly vaultPause: VaultPause
  readonly answers: RunCache
  readonly ferryBearer?: FerryBearer
  /** The distributor's public curve key. */
  readonly sealTo: string
  /** Private directory with one vault token an entry. */
  readonly tokenDirectory: string
}

type Condor = CollectorOptions & VaultServerOptions

/** Between attempts after a failure was reported (milliseconds). */
const backoff = { firstMs: 5_000, longestMs: 60_000 }

/** Handles `refresh.<experiment>.<role>`. */
export async function handleRefresh(
  received: Received<RefreshItem>,
  deps: RefreshDeps,
): Promise<readonly Outgoing[]> {
  const item = received.body
  const site = deps.site()
  const entry = findEntry(site, item.entry)
  return workOnTarget(
    {
      key: refreshSubject(item),
      run: item.run,
      entry: item.entry,
      retry: entry.tokenGetter === 'getToken' ? site.retries.get : site.retries.store,
      backoff,
    },
    deps.targets,
    received,
    () => refresh(item, entry, site, received, deps),
  )
}

async function refresh(
  item: RefreshItem,
  entry: Entry,
  site: Site,
  { signal, log }: Pick<Received<RefreshItem>, 'signal' | 'log'>,
  deps: RefreshDeps,
): Promise<Acted> {
  const condor: Condor = {
    ...site.refresher,
    timeoutMs: site.timeouts.kerberosMs,
    ...{ signal, log },
    once: (question, ask) => deps.answers.once(item.run, question, ask),
  }
  const uid = await findUid(entry, site, deps.uids, signal, deps.ferryBearer)
  const credds = await findCredds(entry, condor)
  try {
    const vaultServer = await findVaultServer(entry, condor)
    const ccache = await deps.tickets.ccacheOf(entry, {
      minLifeMs: site.timeouts.globalMs,
      timeoutMs: site.timeouts.kerberosMs,
      signal,
    })
    const asks = { requests: requestsPerToken, signal }
    return await deps.vaultPause.heed(
      item.deadline,
      (paused) => {
        const stop = AbortSignal.any([signal, paused])
        return makeToken(item, entry, { uid, credds, vaultServer, ccache }, site, stop, deps)
      },
      asks,
    )
  } catch (error) {
    throw withCredds(error, credds)
  }
}

/** A failure that also names the credds which get nothing now: no later event will. */
function withCredds(error: unknown, credds: readonly string[]): unknown {
  if (error instanceof Permanent) return new Permanent({ ...error.failure, credds })
  if (error instanceof Transient) return new Transient({ ...error.failure, credds })
  return error
}

/** What is known before Vault is asked. */
interface Gathered {
  readonly uid: number
  readonly credds: readonly string[]
  readonly vaultServer: string
  readonly ccache: string
}

async function makeToken(
  item: RefreshItem,
  entry: Entry,
  { uid, credds, vaultServer, ccache }: Gathered,
  site: Site,
  signal: AbortSignal,
  deps: RefreshDeps,
): Promise<Acted> {
  const vault = { caPath: site.vault.caPath, timeoutMs: site.timeouts.vaultStorerMs, signal }
  const { token, reused } = await getVaultToken(entry, {
    ...vault,
    program: site.refresher.htgettoken,
    vaultServer,
    ccache,
    directory: deps.tokenDirectory,
  })
  const end = await tokenExpiry(vaultServer, token, vault)
  const [expiry, left] = [timestamp(end), lifeLeft(end.getTime() - Date.now())]
  lastTokenGet.set({ service: entry.service }, Date.now() / 1_000)
  const sealed = await sealToken(entry, item.run, token, expiry, deps)
  return {
    messages: [readyEvent(item, { ...sealed, uid, reused, left, credds: [...credds], expiry })],
    expiry,
  }
}

/** Puts the sealed token where the distributor finds it. */
async function sealToken(entry: Entry, run: string, token: string, expiry: string, deps: RefreshDeps) {
  const tokenId = randomUUID()
  const key = sealedKey(entry.name)
  const value = seal({ entry: entry.name, service: entry.service, run, tokenId, expiry, token }, deps.sealTo)
  return { tokenId, key, revision: await deps.sealed.put(key, value) }
}

function readyEvent(
  item: RefreshItem,
  facts: Pick<TokenReady, 'tokenId' | 'key' | 'revision' | 'uid' | 'reused' | 'left' | 'credds' | 'expiry'>,
): Fact {
  const { run, entry, service, experiment, role, mode, deadline } = item
  const body: TokenReady = {
    schema: schemaVersion,
    at: timestamp(),
    ...{ run, entry, service, experiment, role, mode, deadline },
    ...facts,
  }
  return {
    kind: 'fact',
    subject: tokenSubject('ready', item),
    id: `${run}.${refreshSubject(item)}.ready`,
    body,
  }
}
