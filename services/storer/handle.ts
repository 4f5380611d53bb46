/**
 * Stores one entry's vault token in one credd and answers with `token.stored`. Everything before and after the storer's own
 * run (ticket, staging, verification) goes on beside other runs; the run itself has a lane, under the lease and under the
 * host's locks.
 */

import { existsSync } from 'node:fs'
import type { Logger } from 'pino'
import { patiently } from '../../shared/bus/patiently.ts'
import type { Fact, Outgoing } from '../../shared/bus/publish.ts'
import type { Entry, Site } from '../../shared/config/site.ts'
import { workEnvelope } from '../../shared/contracts/envelope.ts'
import { ClaimLost, RetryLater, Transient } from '../../shared/contracts/errors.ts'
import type { StoreItem } from '../../shared/contracts/messages.ts'
import { storeSubject } from '../../shared/contracts/subjects.ts'
import { requestsOf } from '../../shared/contracts/vault-requests.ts'
import { timeStep } from '../../shared/telemetry/metrics/steps.ts'
import { findVaultServer } from '../../shared/vault/server.ts'
import type { Claim } from '../../shared/work/claim.ts'
import type { Received } from '../../shared/work/consume/handle-message.ts'
import { findCredds } from '../../shared/work/find-credds.ts'
import { findEntry, mustBeCredd } from '../../shared/work/find-entry.ts'
import type { Lease } from '../../shared/work/lease.ts'
import { remember } from '../../shared/work/memory.ts'
import { type Acted, oncePerTarget } from '../../shared/work/once-per-target.ts'
import { factsOf } from '../../shared/work/remembered-entry.ts'
import { tokenFact } from '../../shared/work/token-fact.ts'
import { mustHaveOneLane } from './condor/condor-version.ts'
import { isDirect, type StorerRun } from './condor/storer-run.ts'
import {
  answersCredd,
  findStored,
  forget,
  type Stored,
  verifyStored,
  withCreddsReason,
} from './condor/verify.ts'
import type { StoreDeps } from './deps.ts'
import { runInLane } from './exclusive/in-lane.ts'
import { isStillHeld } from './exclusive/while-leader.ts'
import { keptToken, type Stage } from './private-run/stage.ts'

/** A target that fails slowly takes a lane from all others: it comes back seldom (milliseconds). */
const backoff = { firstMs: 60_000, longestMs: 10 * 60_000 }

/** Handles `store.<experiment>.<role>.<credd>`. */
export async function handleStore(
  received: Received<StoreItem>,
  deps: StoreDeps,
): Promise<readonly Outgoing[]> {
  const item = received.body
  const site = deps.site()
  const entry = findEntry(site, item)
  if (await deps.revoked.find(entry.service, received)) return dropped(received)
  const unsure = await checkCredd(item, entry, site, received, deps)
  return oncePerTarget(
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
    (claim) => (unsure ? Promise.reject(unsure) : store(item, entry, site, claim, received, deps)),
  )
}

/** The run that takes it away tells how the target ended. */
function dropped({ log, body }: Pick<Received<StoreItem>, 'log' | 'body'>): readonly Outgoing[] {
  log.info({ service: body.service, credd: body.credd }, 'dropped: the service is revoked')
  return []
}

/**
 * Throws Permanent where the item's credd is none of the entry's: of those configured, else of the collector's own answer.
 * Returns what stood in the way of asking the collector: then it is not known.
 */
async function checkCredd(
  { run, credd, ready }: StoreItem,
  entry: Entry,
  site: Site,
  { signal, log }: Pick<Received<unknown>, 'signal' | 'log'>,
  { answers }: Pick<StoreDeps, 'answers'>,
): Promise<Transient | undefined> {
  findEntry({ ...site, entries: [entry] }, ready)
  try {
    const credds = await findCredds(entry, {
      condorStatus: site.refresher.condorStatus,
      timeoutMs: site.timeouts.kerberosMs,
      ...{ signal, log },
      once: (question, ask) => answers.once(run, question, ask),
    })
    mustBeCredd(credd, credds, entry, site)
    return undefined
  } catch (error) {
    if (error instanceof Transient && !signal.aborted) return error
    throw error
  }
}

async function store(
  item: StoreItem,
  entry: Entry,
  site: Site,
  claim: Claim,
  received: Pick<Received<unknown>, 'signal' | 'log'>,
  deps: StoreDeps,
): Promise<Acted> {
  const labels = { service: entry.service, credd: item.credd }
  const stored = await timeStep('store', entry.name, labels, async () => {
    const { kerberosMs: timeoutMs, globalMs: minLifeMs } = site.timeouts
    const limits = { minLifeMs, timeoutMs, signal: received.signal, run: item.run, purpose: 'store' }
    return await deps.tickets.withTicket(entry, limits, async (ccache) => {
      await using run = await prepare(item, entry, site, ccache, received.signal, deps)
      await rememberStore(run, item, claim, received, deps)
      // The last moment at which it costs nothing.
      await deps.revoked.mustNotBe(entry.service, received)
      try {
        return await storeAndVerify(run, item.deadline, received.log, deps)
      } finally {
        // However it ended: what has come there since is taken away again.
        if (await deps.revoked.find(entry.service, received)) await forget(run)
      }
    })
  })
  await deps.revoked.mustNotBe(entry.service, received)
  const { expiry } = stored
  return { messages: [storedEvent(item, stored)], ...(expiry === undefined ? {} : { expiry }) }
}

/** Before anything is stored: whoever has to take it away must know of it. */
async function rememberStore(
  { vaultServer, entry }: StorerRun,
  item: StoreItem,
  claim: Claim,
  received: Pick<Received<unknown>, 'signal' | 'log'>,
  { memory }: StoreDeps,
): Promise<void> {
  const key = storeSubject(item, item.credd)
  const remembered = remember(memory, key, factsOf({ ...entry, vaultServer }))
  if (remembered.mark !== claim.record.remembered?.mark)
    await patiently(() => claim.change({ remembered }), received)
}

/** All that can be done while other runs have the lanes. */
async function prepare(
  item: StoreItem,
  entry: Entry,
  site: Site,
  ccache: string,
  signal: AbortSignal,
  deps: StoreDeps,
): Promise<StorerRun & AsyncDisposable> {
  const { credd } = item
  const timeoutMs = site.timeouts.kerberosMs
  const vaultServer = await findVaultServer(entry, { ...site.refresher, timeoutMs, signal })
  const ownNames =
    isDirect(entry) || (await deps.hasOwnNames({ file: site.storer.condorVersion, timeoutMs, signal }))
  if (!ownNames) mustHaveOneLane(entry, site)
  await using stack = new AsyncDisposableStack()
  const stage = stack.use(await deps.staging.stage(entry, credd, { ownNames, keeps: !isDirect(entry) }))
  const run = { entry, credd, site, vaultServer, ccache, stage, signal }
  await deps.credds.mustAnswer(item.credd, item.run, () => answersCredd(run))
  const prepared = stack.move()
  return { ...run, [Symbol.asyncDispose]: () => prepared.disposeAsync() }
}

async function storeAndVerify(
  run: StorerRun,
  deadline: string,
  log: Logger,
  deps: StoreDeps,
): Promise<Stored> {
  const { lease, vaultPause, credds } = deps
  const { entry, stage, credd, signal } = run
  try {
    // condor_vault_storer asks the credd by itself.
    const known = isDirect(entry) ? await findStored(run) : undefined
    const hasToken = !isDirect(entry) && existsSync(keptToken(entry, credd))
    const asks = { requests: requestsOf(hasToken), signal }
    const store = (paused: AbortSignal) => runInLane(stoppedBy(run, paused), log, deps)
    if (!known) await vaultPause.afterPause(deadline, store, asks)
    const stored = known ?? (await verifyStored(run))
    await mustBeOurs(stage, lease, signal)
    await stage.takeBack()
    credds.learn(credd, undefined)
    tellStored(run, stored, known ? 'vault token is stored already' : 'vault token stored', log)
    return stored
  } catch (error) {
    // Whatever went wrong: where somebody has taken over, it went wrong because of that.
    if (!signal.aborted && !(error instanceof RetryLater)) await mustBeOurs(stage, lease, signal)
    const told = await withCreddsReason(run, error)
    credds.learn(credd, told)
    throw told
  }
}

/** One line for each token stored, which people look for in logs. */
function tellStored(
  { entry, credd }: StorerRun,
  { expiry, waitingSince }: Stored,
  what: string,
  log: Logger,
): void {
  const { service } = entry
  const life = expiry === undefined ? {} : { expiry, lifeSeconds: secondsUntil(expiry) }
  const kept = isDirect(entry) ? {} : { file: keptToken(entry, credd) }
  log.info({ service, credd, ...kept, ...life }, what)
  if (waitingSince !== undefined)
    log.warn(
      { service, credd, waitingSince },
      'no credential monitor has looked at what is stored: jobs get no bearer from this credd; is condor_credmon_vault running there?',
    )
}

const secondsUntil = (time: string) => Math.round((Date.parse(time) - Date.now()) / 1_000)

const stoppedBy = (run: StorerRun, paused: AbortSignal): StorerRun => ({
  ...run,
  signal: AbortSignal.any([run.signal, paused]),
})

async function mustBeOurs(stage: Stage, lease: Lease, signal: AbortSignal): Promise<void> {
  if ((await isStillHeld(lease, signal)) && (await stage.isOurs())) return
  throw new ClaimLost('another storer has taken over meanwhile')
}

function storedEvent(item: StoreItem, stored: Stored): Fact {
  const { credd, ready } = item
  return tokenFact('stored', item, storeSubject(item, credd), {
    ...workEnvelope(item),
    ...{ credd, ready },
    ...stored,
  })
}
