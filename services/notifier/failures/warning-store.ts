/** Keeps in the bucket `failures` of which tokens people were warned, until they are told that it is over. */
import type { KV } from '@nats-io/kv'
import type { Site } from '../../../shared/config/site.ts'
import { time } from '../../../shared/contracts/messages.ts'
import { pushSubject, storeSubject, warningKeys } from '../../../shared/contracts/subjects.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { entryNamed } from '../../../shared/work/find-entry.ts'
import type { Failing } from './consecutive-failures.ts'

/** The value of a warning's key: people were warned, and not told that it is over. */
export const warned = z.object({
  /** The end of the token people were warned of. */
  expiry: time,
  /** How urgent it was, see `urgencyOf`. */
  urgency: z.int(),
  /** When they were warned first. */
  since: time,
})
export type Warned = z.infer<typeof warned>

/** The key of a warning of this target's token; undefined for what is no target, or is configured no more. */
function warningKey({ entry, kind, name = '' }: Failing, { entries }: Site): string | undefined {
  const configured = entryNamed(entries, entry)
  if (!configured || kind === 'refresh') return undefined
  return warningKeys.key((kind === 'node' ? pushSubject : storeSubject)(configured, name))
}

/** True where people were warned, and not told yet that it is over. */
export async function isWarned(failures: KV, failing: Failing, site: Site): Promise<boolean> {
  const key = warningKey(failing, site)
  return key !== undefined && (await failures.get(key))?.operation === 'PUT'
}

/** For whoever tells that it is over. */
export async function forgetWarning(failures: KV, failing: Failing, site: Site): Promise<void> {
  const key = warningKey(failing, site)
  if (key !== undefined) await failures.delete(key)
}
