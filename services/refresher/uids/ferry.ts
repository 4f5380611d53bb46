/** UIDs of accounts: what the configuration says, else what FERRY said last, else FERRY is asked. */
import { readFile } from 'node:fs/promises'
import type { KV } from '@nats-io/kv'
import { isBusError } from '../../../shared/bus/bus-errors.ts'
import { patiently } from '../../../shared/bus/patiently.ts'
import type { Entry, Site } from '../../../shared/config/site.ts'
import { failedWith, isFailed, Permanent } from '../../../shared/contracts/errors.ts'
import { cleanLine } from '../../../shared/contracts/one-sentence.ts'
import { reasons } from '../../../shared/contracts/reasons.ts'
import { z } from '../../../shared/contracts/zod.ts'
import type { Trusting } from '../../../shared/https/agents.ts'
import type { HttpError } from '../../../shared/https/http-error.ts'
import { getText } from '../../../shared/https/request.ts'
import { readUid, writeUid } from '../../../shared/predecessor/known-uids.ts'
import { ferryRequestSeconds } from '../../../shared/telemetry/metrics/kept-metrics.ts'

/** What FERRY leaves empty it gives as null, or not at all: both say nothing. */
const unsaid = <T>(value: T | null | undefined) => value ?? undefined

/** FERRY's `getUserInfo` (API of Fermilab's FERRY; a failure comes as HTTP 200). What we do not go by cannot spoil the rest. */
const userInfo = z.object({
  ferry_status: z.string(),
  ferry_error: z
    .unknown()
    .optional()
    .transform((said) => (Array.isArray(said) ? said : [said]).filter((one) => typeof one === 'string')),
  ferry_output: z
    .object({
      uid: z.int().min(1),
      banned: z.boolean().nullish().transform(unsaid),
      status: z.boolean().nullish().transform(unsaid),
      expirationdate: z.string().nullish().catch(undefined),
    })
    .optional()
    .catch(undefined),
})

/** How FERRY is asked besides a client certificate: gives a bearer token, or undefined where none is configured. */
export type FerryBearer = (signal: AbortSignal) => Promise<string | undefined>

/**
 * The UID of the entry's account on nodes; undefined where the nodes are to be asked: of entries that come from an issuer, where
 * there is no FERRY. Throws `uid-unknown` or `account-refused`.
 */
export async function findUid(
  entry: Entry,
  site: Site,
  uids: KV,
  signal: AbortSignal,
  bearer?: FerryBearer,
): Promise<number | undefined> {
  if (entry.desiredUid !== undefined) return entry.desiredUid
  const known = await readUid(uids, entry.account)
  if (known?.refused) throw failedWith('account-refused', known.refused)
  if (known) return known.uid
  if (entry.oidc && !site.ferry) return undefined
  const uid = await askFerry(entry.account, site, signal, bearer)
  await patiently(() => writeUid(uids, { account: entry.account, uid }), { signal })
  return uid
}

/** FERRY's word on one account. Throws Transient where it does not answer, else Permanent with its own words. */
export async function askFerry(
  account: string,
  { ferry, timeouts }: Pick<Site, 'ferry' | 'timeouts'>,
  signal: AbortSignal,
  bearer?: FerryBearer,
): Promise<number> {
  if (!ferry) throw failedWith('uid-unknown', `No UID is configured for ${account}, and no FERRY to ask.`)
  const url = new URL(`https://${ferry.host}:${ferry.port}/getUserInfo`)
  url.searchParams.set('username', account)
  try {
    const token =
      ferry.hostCert && ferry.hostKey ? undefined : await bearer?.(signal).catch(blameNoExperiment)
    const started = performance.now()
    const answer = await getText(url, {
      ...(await trustOf(ferry)),
      ...(token ? { headers: { Authorization: `Bearer ${token}` } } : {}),
      timeoutMs: timeouts.ferryRequestMs,
      signal,
    })
    ferryRequestSeconds.observe((performance.now() - started) / 1_000)
    return uidIn(answer, account)
  } catch (error) {
    // What is at fault where there is no bearer token is said there already: Vault, a KDC, the configuration.
    if (isFailed(error) || isBusError(error)) throw error
    const { kind, message } = error as HttpError
    const why = `FERRY did not say the UID of ${account}: ${cleanLine(message)}`
    if (kind === 'proxy') throw failedWith('proxy-failed', `${why}.`)
    const advice = kind === 'tls' ? ': check its certificate, and what ferry.caPath names' : ''
    throw failedWith('ferry-unreachable', `${why}${advice}.`)
  }
}

/** A login that is missing for FERRY's own service is nothing that the people of the entry's experiment can see to. */
function blameNoExperiment(error: unknown): never {
  if (!(error instanceof Permanent) || reasons[error.failure.code].turn !== 'experiment') throw error
  throw new Error(`${error.message.replace(/\.$/, '')}: log in with htgettoken for ferry.serviceExperiment`)
}

/** Whom FERRY is trusted by, and the certificate that it is asked with. */
export async function trustOf({ caPath, hostCert, hostKey }: NonNullable<Site['ferry']>): Promise<Trusting> {
  if (!hostCert || !hostKey) return { caPath }
  const [cert, key] = await Promise.all([readFile(hostCert, 'utf8'), readFile(hostKey, 'utf8')])
  return { caPath, client: { cert, key } }
}

/** The UID in FERRY's answer. Throws Permanent with FERRY's own words, or Transient where it is no answer of FERRY's. Pure. */
export function uidIn(answer: string, account: string, now = Date.now()): number {
  const info = userInfo.safeParse(safeJson(answer)).data
  if (!info)
    throw failedWith(
      'ferry-unreachable',
      `FERRY did not say the UID of ${account}: its answer cannot be read.`,
    )
  if (info.ferry_status !== 'success' || !info.ferry_output) {
    const words = cleanLine(info.ferry_error.join('; ')) || 'an answer that cannot be read'
    throw failedWith('uid-unknown', `FERRY does not know the UID of ${account}: ${words}.`)
  }
  const { uid, banned = false, status = true, expirationdate } = info.ferry_output
  const refused = banned
    ? 'banned'
    : Date.parse(expirationdate ?? '') < now
      ? `expired since ${cleanLine(expirationdate ?? '')}`
      : status
        ? undefined
        : 'not active'
  if (refused) throw failedWith('account-refused', `FERRY says that ${account} is ${refused}.`)
  return uid
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
