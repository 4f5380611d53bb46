/**
 * Every value of a bucket in one pass, which ends by itself while others go on writing. The client's `history` does so only
 * when it meets a moment in which nobody has written anything: in a busy run it does not come back.
 */
import type { Bucket, KV, KvEntry } from '@nats-io/kv'

/** The keys that `filter` (NATS wildcards) names, each with its value as it was when asked or newer; deleted ones too. */
export async function readBucket(kv: KV, filter = '>'): Promise<ReadonlyMap<string, KvEntry>> {
  const found = new Map<string, KvEntry>()
  await readEach(kv, filter, (entry) => found.set(entry.key, entry))
  return found
}

/** The same, one after the other: of fifty thousand, nobody wants to hold all that is in them. A key may come again with a newer value. */
export async function readEach(kv: KV, filter: string, see: (entry: KvEntry) => void): Promise<void> {
  const unread = await listKeys(kv, filter)
  if (unread.size === 0) return
  for await (const entry of await kv.history({ key: filter })) {
    see(entry)
    unread.delete(entry.key)
    if (unread.size === 0) break
  }
}

/**
 * The keys alone, as the server knows them at this moment, deleted ones too. The client's `keys` waits for the last of them,
 * for ever where that disappears meanwhile.
 */
export async function listKeys(kv: KV, filter: string): Promise<Set<string>> {
  // What opens a bucket makes one of these, and its type does not say so.
  const bucket = kv as Bucket
  const prefixLength = bucket.fullKeyName('>').length - 1
  const { state } = await bucket.jsm.streams.info(bucket.stream, {
    subjects_filter: bucket.fullKeyName(filter),
  })
  return new Set(Object.keys(state.subjects ?? {}).map((subject) => subject.slice(prefixLength)))
}
