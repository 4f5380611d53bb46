/** Asks FERRY for the UID of every account that needs one, daily and on request; the outcome is the fact `run.uids`. */

import type { KV } from '@nats-io/kv'
import type { Logger } from 'pino'
import { ulid } from 'ulid'
import type { Bus } from '../../../shared/bus/connect.ts'
import { patiently } from '../../../shared/bus/patiently.ts'
import { type Fact, publish } from '../../../shared/bus/publish.ts'
import { cutIntoPages } from '../../../shared/bus/requests/page.ts'
import { parseRequest } from '../../../shared/bus/requests/parse-request.ts'
import type { Site } from '../../../shared/config/site.ts'
import { envelope } from '../../../shared/contracts/envelope.ts'
import { isFailed } from '../../../shared/contracts/errors.ts'
import type { RunUids } from '../../../shared/contracts/messages.ts'
import { runSubject } from '../../../shared/contracts/subjects.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { readUid, writeUid } from '../../../shared/predecessor/known-uids.ts'
import { ferryRequestErrors, lastFerryRefresh } from '../../../shared/telemetry/metrics/kept-metrics.ts'
import { setStage } from '../../../shared/telemetry/metrics/stages.ts'
import { inRootSpan } from '../../../shared/telemetry/traces/root-span.ts'
import { askFerry, type FerryBearer } from './ferry.ts'

export interface RefreshUidsDeps {
  readonly bus: Bus
  readonly uids: KV
  readonly freshSite: () => Site
  readonly log: Logger
  /** Aborted when the daemon stops. */
  readonly signal: AbortSignal
  readonly bearer?: FerryBearer
}

/** Questions to FERRY at the same time. */
const concurrency = 4

/** The body of `managed-tokens.uids.refresh`: there is nothing to say. */
const uidsRequest = z.strictObject({})

/** Answers `managed-tokens.uids.refresh` at once with the id that `run.uids` will carry. Throws RequestError for any wish. */
export async function startUidRefresh(body: unknown, deps: RefreshUidsDeps): Promise<{ id: string }> {
  parseRequest(uidsRequest, body)
  const underWay = asking.get(deps)
  if (underWay) return { id: underWay }
  const id = ulid()
  asking.set(deps, id)
  refreshUids(id, 'request', deps)
    .catch((error: unknown) => {
      if (!deps.signal.aborted) deps.log.error({ err: error, run: id }, 'the UIDs could not be refreshed')
    })
    .finally(() => asking.delete(deps))
  return { id }
}

/** What was asked for and is under way: whoever asks meanwhile gets the same id, and FERRY no second question. */
const asking = new WeakMap<RefreshUidsDeps, string>()

/** Asks for every account without `desiredUIDOverride`, stores what is good, and says how it went. */
export const refreshUids = (
  id: string,
  trigger: RunUids['trigger'],
  deps: RefreshUidsDeps,
): Promise<RunUids> => inRootSpan('refresh uids', id, () => askForAll(id, trigger, deps))

async function askForAll(id: string, trigger: RunUids['trigger'], deps: RefreshUidsDeps): Promise<RunUids> {
  const site = deps.freshSite()
  const waiting = accountsToAsk(site)
  const known: RunUids['known'] = []
  const failed: RunUids['failed'] = []
  const askOn = async () => {
    for (let account = waiting.shift(); account !== undefined; account = waiting.shift())
      await askOne(account, site, deps, { known, failed })
  }
  const asking = performance.now()
  await Promise.all(Array.from({ length: concurrency }, askOn))
  deps.signal.throwIfAborted()
  const writing = performance.now()
  setStage('refresh-uids-from-ferry', 'getFERRYData', (writing - asking) / 1_000)
  ferryRequestErrors.set(failed.length)
  if (known.length > 0) lastFerryRefresh.set(Date.now() / 1_000)
  const byAccount = (a: { account: string }, b: { account: string }) => (a.account < b.account ? -1 : 1)
  const outcome = { known: known.sort(byAccount), failed: failed.sort(byAccount) }
  const body: RunUids = { ...envelope(), ...{ run: id, trigger }, ...asFits(outcome) }
  deps.log.info({ run: id, known: known.length, failed: failed.length }, 'FERRY was asked for UIDs')
  const told: Fact = { kind: 'fact', subject: runSubject('uids'), id: `${id}.uids`, body }
  await patiently(() => publish(deps.bus, told), deps)
  setStage('refresh-uids-from-ferry', 'refreshManagedTokensDB', (performance.now() - writing) / 1_000)
  return body
}

/** Of each as many as fit into one message. Pure. */
export function asFits({ known, failed }: Pick<RunUids, 'known' | 'failed'>) {
  const [shown = []] = cutIntoPages(known, mostOfEach)
  const [told = []] = cutIntoPages(failed, mostOfEach)
  const more = { known: known.length - shown.length, failed: failed.length - told.length }
  return { known: [...shown], failed: [...told], ...(more.known + more.failed > 0 && { more }) }
}

/** Bytes. */
const mostOfEach = 400 * 1024

/** Each account once, but for those that nodes are asked for. Pure. */
export function accountsToAsk({ entries, ferry }: Pick<Site, 'entries' | 'ferry'>): string[] {
  const asked = entries.filter(({ desiredUid, oidc }) => desiredUid === undefined && (ferry || !oidc))
  return [...new Set(asked.map(({ account }) => account))]
}

async function askOne(
  account: string,
  site: Site,
  { uids, signal, bearer }: RefreshUidsDeps,
  { known, failed }: Pick<RunUids, 'known' | 'failed'>,
): Promise<void> {
  try {
    const uid = await askFerry(account, site, signal, bearer)
    await patiently(() => writeUid(uids, { account, uid }), { signal })
    known.push({ account, uid })
  } catch (error) {
    if (!isFailed(error)) throw error
    const { code, message, action } = error.failure
    const last = await patiently(() => readUid(uids, account), { signal })
    if (last && code === 'account-refused')
      await patiently(() => writeUid(uids, { ...last, refused: message }), { signal })
    failed.push({ account, code, message, action, ...(last ? { uid: last.uid } : {}) })
  }
}
