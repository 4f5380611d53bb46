/** Refreshes one entry: UID, credds, ticket, vault token, bearer tokens, seal; answers with `token.ready`. */

import { randomUUID } from 'node:crypto'
import { patiently } from '../../shared/bus/patiently.ts'
import type { Fact, Outgoing } from '../../shared/bus/publish.ts'
import type { Entry, Site } from '../../shared/config/site.ts'
import { workEnvelope } from '../../shared/contracts/envelope.ts'
import { errorOf, failedWith, failure, isFailed } from '../../shared/contracts/errors.ts'
import { type RefreshItem, type TokenReady, timestamp } from '../../shared/contracts/messages.ts'
import { refreshSubject, sealedKey } from '../../shared/contracts/subjects.ts'
import { requestsOf } from '../../shared/contracts/vault-requests.ts'
import { timeStep } from '../../shared/telemetry/metrics/steps.ts'
import { describeTokens } from '../../shared/tokens/describe-tokens.ts'
import { seal } from '../../shared/tokens/seal.ts'
import { isTokenWord } from '../../shared/tokens/token-word.ts'
import { findVaultServer, type VaultServerOptions } from '../../shared/vault/server.ts'
import type { Claim } from '../../shared/work/claim.ts'
import type { Received } from '../../shared/work/consume/handle-message.ts'
import { failedEvent } from '../../shared/work/failed-event.ts'
import type { CollectorOptions, Credds } from '../../shared/work/find-credds.ts'
import { findEntry } from '../../shared/work/find-entry.ts'
import { remember } from '../../shared/work/memory.ts'
import { type Acted, oncePerTarget } from '../../shared/work/once-per-target.ts'
import { factsOf } from '../../shared/work/remembered-entry.ts'
import type { Ending } from '../../shared/work/target-record.ts'
import { tokenFact } from '../../shared/work/token-fact.ts'
import { type MadeBearers, makeBearers } from './credentials/bearers.ts'
import { getVaultToken, type HtgettokenOptions, hasKeptToken } from './credentials/htgettoken.ts'
import { lifeLeft, tokenExpiry } from './credentials/vault-api.ts'
import type { RefreshDeps } from './deps.ts'
import { makeFromIssuer } from './issuer/make-from-issuer.ts'
import { findCreddsOrLast } from './last-credds.ts'
import { findUid } from './uids/ferry.ts'

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
  const entry = findEntry(site, item)
  if (await deps.revoked.find(entry.service, received)) {
    received.log.info({ service: entry.service }, 'dropped: the service is revoked')
    return []
  }
  return oncePerTarget(
    {
      key: refreshSubject(item),
      run: item.run,
      entry: item.entry,
      retry: entry.tokenGetter === 'storeAndGetToken' ? site.retries.store : site.retries.get,
      backoff,
    },
    deps.targets,
    received,
    (claim, before) => refresh(item, entry, site, claim, { ...received, before }, deps),
  )
}

async function refresh(
  item: RefreshItem,
  entry: Entry,
  site: Site,
  claim: Claim,
  {
    signal,
    log,
    before,
  }: Pick<Received<RefreshItem>, 'signal' | 'log'> & {
    readonly before: Ending | undefined
  },
  deps: RefreshDeps,
): Promise<Acted> {
  const condor: Condor = {
    ...site.refresher,
    timeoutMs: site.timeouts.kerberosMs,
    ...{ signal, log },
    once: (question, ask) => deps.answers.once(item.run, question, ask),
  }
  const uid = await findUid(entry, site, deps.uids, signal, deps.ferryBearer)
  const credds = await findCreddsOrLast(entry, condor, before)
  try {
    const token = entry.oidc
      ? await timeStep('get', entry.name, { service: entry.service }, () =>
          makeFromIssuer(entry, { site, deadline: item.deadline, signal, log }, deps.issuer),
        )
      : await makeFromVault(item, entry, site, claim, { signal, log }, condor, deps)
    // The last moment: whoever takes away what was made meanwhile waits until this is over.
    await deps.revoked.mustNotBe(entry.service, { signal, log })
    const all = { ...(uid !== undefined && { uid }), credds: [...credds.names], ...token }
    const acted = await announce(item, entry, all, { signal, log }, deps)
    return { ...acted, messages: [...acted.messages, ...refusedCredds(item, credds)] }
  } catch (error) {
    throw withCredds(error, credds.names)
  }
}

/** By Kerberos: the vault token, and bearer tokens made from it. */
async function makeFromVault(
  item: RefreshItem,
  entry: Entry,
  site: Site,
  claim: Claim,
  { signal, log }: Pick<Received<RefreshItem>, 'signal' | 'log'>,
  condor: Condor,
  deps: RefreshDeps,
): Promise<Tokens> {
  const vaultServer = await findVaultServer(entry, condor)
  const remembered = remember(deps.memory, refreshSubject(item), factsOf({ ...entry, vaultServer }))
  if (remembered.mark !== claim.record.remembered?.mark)
    await patiently(() => claim.change({ remembered }), { signal, log })
  const options = {
    ...{ vaultServer, signal, log, directory: deps.tokenDirectory },
    ...{ caPath: site.vault.caPath, program: site.refresher.htgettoken },
    timeoutMs: site.timeouts.vaultStorerMs,
  }
  const asking = (requests: number) => ({ requests, signal })
  const limits = { minLifeMs: site.timeouts.globalMs, timeoutMs: site.timeouts.kerberosMs, signal }
  const use = { ...limits, run: item.run, purpose: 'refresh' }
  const vaultToken = await deps.tickets.withTicket(entry, use, (ccache) =>
    deps.vaultPause.afterPause(
      item.deadline,
      (paused) => makeVaultToken(entry, { ...options, ccache, signal: AbortSignal.any([signal, paused]) }),
      asking(requestsOf(hasKeptToken(entry, options)) + 1),
    ),
  )
  const made = await makeBearers(entry, {
    ...options,
    afterPause: (work) => deps.vaultPause.afterPause(item.deadline, work, asking(requestsOf(true))),
  })
  return { ...vaultToken, ...made }
}

/** A failure that also names the credds which get nothing now: no later event will. */
function withCredds(error: unknown, credds: readonly string[]): unknown {
  return isFailed(error) ? errorOf({ ...error.failure, credds }) : error
}

/** A schedd whose name is none is a credd without the token, and nothing else fails with it. After `token.ready`, which names the others. */
const refusedCredds = (item: RefreshItem, { refused, collector }: Credds): Fact[] =>
  refused.map((name) => {
    const message = `${collector} names a schedd "${name}", which is no host name: no token of ${item.service} is stored there.`
    const failed = failure('credd-name-refused', message, { causeName: collector })
    return failedEvent(item, 'store', name, failed, true)
  })

/** What was got, from whichever source. */
interface Tokens extends MadeBearers {
  /** The vault token, where it comes from Vault. */
  readonly token?: string
  readonly reused: boolean
  readonly end: Date
}

/** What nodes and credds are told of, once it is all there. */
interface Made extends Tokens {
  readonly uid?: number
  readonly credds: string[]
}

function makeVaultToken(
  entry: Entry,
  options: HtgettokenOptions,
): Promise<Required<Pick<Tokens, 'token'>> & Pick<Tokens, 'reused' | 'end'>> {
  return timeStep('get', entry.name, { service: entry.service }, async () => {
    const { token, reused } = await getVaultToken(entry, options)
    if (!isTokenWord(token))
      throw failedWith('unexpected', `htgettoken left no vault token of ${entry.service}.`)
    return { token, reused, end: await tokenExpiry(options.vaultServer, token, options) }
  })
}

/** Puts the sealed tokens where the distributor finds them, and says so. */
async function announce(
  item: RefreshItem,
  entry: Entry,
  { uid, credds, token, reused, end, bearers, renewAt }: Made,
  received: Pick<Received<RefreshItem>, 'signal' | 'log'>,
  deps: RefreshDeps,
): Promise<Acted> {
  const [expiry, left] = [timestamp(end), lifeLeft(end.getTime() - Date.now())]
  const [tokenId, key] = [randomUUID(), sealedKey(entry.name)]
  const content = {
    ...{ entry: entry.name, service: entry.service, run: item.run, tokenId, expiry },
    ...(entry.deliver.vault && token !== undefined && { token }),
    ...(entry.deliver.bearers.length > 0 && { bearers: [...bearers] }),
  }
  const sealed = seal(content, deps.sealing)
  // Made anew it would cost Vault a login: the bus may be away meanwhile.
  const revision = await patiently(() => deps.sealed.put(key, sealed), received)
  const lacking = lackingUntold(item, entry, bearers)
  const facts = {
    ...{ tokenId, key, revision, reused, left, credds, expiry, tokens: describeTokens(entry, content) },
    ...(uid !== undefined && { uid }),
    ...(renewAt && { renewAt }),
    ...(lacking && { lacking }),
  }
  return {
    messages: [tokenFact('ready', item, refreshSubject(item), { ...workEnvelope(item), ...facts })],
    expiry,
  }
}

/** A bearer token that could not be made is told by the pushes that it misses, where there are any. */
function lackingUntold(
  { mode }: Pick<RefreshItem, 'mode'>,
  { nodes }: Pick<Entry, 'nodes'>,
  bearers: Made['bearers'],
): TokenReady['lacking'] {
  if (mode.push && nodes.length > 0) return undefined
  return bearers.flatMap((one) => ('failure' in one ? one.failure : []))[0]
}
