/** UIDs of accounts: what the configuration says, else what FERRY said last, else FERRY is asked. */
import { readFile } from 'node:fs/promises'
import type { KV } from '@nats-io/kv'
import { z } from 'zod'
import type { Entry, Site } from '../../shared/config/site.ts'
import { failure, Permanent, Transient } from '../../shared/errors.ts'
import { getText } from '../../shared/https.ts'
import { timestamp } from '../../shared/messages.ts'
import { cleanLine } from '../../shared/outcome-text.ts'
import { encodeToken } from '../../shared/subjects.ts'

/** FERRY's `getUserInfo` (API of Fermilab's FERRY; a failure comes as HTTP 200). */
const userInfo = z.object({
  ferry_status: z.string(),
  ferry_error: z.array(z.string()).default([]),
  ferry_output: z
    .object({ uid: z.int().min(1), banned: z.boolean().default(false), status: z.boolean().default(true) })
    .optional()
    .catch(undefined),
})

/** The value of a key in the bucket `uids`. */
const knownUid = z.object({ account: z.string(), uid: z.int(), at: z.string() })

/** The UID of the entry's account on nodes. Throws `uid-unknown` or `account-refused`. */
export async function findUid(entry: Entry, site: Site, uids: KV, signal: AbortSignal): Promise<number> {
  if (entry.desiredUid !== undefined) return entry.desiredUid
  const key = encodeToken(entry.account)
  const known = await uids.get(key)
  if (known?.operation === 'PUT') return knownUid.parse(known.json()).uid
  const uid = await askFerry(entry, site, signal)
  await uids.put(key, JSON.stringify({ account: entry.account, uid, at: timestamp() }))
  return uid
}

async function askFerry(entry: Entry, { ferry, timeouts }: Site, signal: AbortSignal): Promise<number> {
  if (!ferry)
    throw new Permanent(
      failure('uid-unknown', `No UID is configured for ${entry.account}, and no FERRY to ask.`),
    )
  const url = new URL(`https://${ferry.host}:${ferry.port}/getUserInfo`)
  url.searchParams.set('username', entry.account)
  const answer = await getText(url, {
    caPath: ferry.caPath,
    ...(ferry.hostCert && ferry.hostKey
      ? {
          client: {
            cert: await readFile(ferry.hostCert, 'utf8'),
            key: await readFile(ferry.hostKey, 'utf8'),
          },
        }
      : {}),
    timeoutMs: timeouts.ferryRequestMs,
    signal,
  }).catch((error: Error) => {
    throw new Transient(
      failure('uid-unknown', `FERRY did not say the UID of ${entry.account}: ${cleanLine(error.message)}.`),
    )
  })
  return uidIn(answer, entry.account)
}

/** The UID in FERRY's answer. Throws Permanent with FERRY's own words otherwise. Pure. */
export function uidIn(answer: string, account: string): number {
  const info = userInfo.safeParse(safeJson(answer)).data
  if (info?.ferry_status !== 'success' || !info.ferry_output) {
    const words = cleanLine(info?.ferry_error.join('; ') ?? '') || 'an answer that cannot be read'
    throw new Permanent(failure('uid-unknown', `FERRY does not know the UID of ${account}: ${words}.`))
  }
  if (info.ferry_output.banned || !info.ferry_output.status)
    throw new Permanent(
      failure(
        'account-refused',
        `FERRY says that ${account} is ${info.ferry_output.banned ? 'banned' : 'not active'}.`,
      ),
    )
  return info.ferry_output.uid
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
