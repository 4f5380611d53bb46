/** What lies in a bucket was written by others: what cannot be read is as good as absent, and no error. */
import type { KvEntry } from '@nats-io/kv'

/** The value as JSON; undefined where it is none. */
export function readJson(entry: Pick<KvEntry, 'json'>): unknown {
  try {
    return entry.json()
  } catch {
    return undefined
  }
}
