/** Every record of the bucket `targets` in one pass: asking for ten thousand one by one takes longer than an answer may. */
import type { KV } from '@nats-io/kv'
import { readBucket } from '../bus/read-bucket.ts'
import { valueIn } from '../bus/read-value.ts'
import { type TargetRecord, targetRecord } from './target-record.ts'

/** By key. Vault's pause and the schedules lie there too, and are left out. */
export async function readTargets(targets: KV): Promise<ReadonlyMap<string, TargetRecord>> {
  const records = new Map<string, TargetRecord>()
  for (const found of (await readBucket(targets)).values()) {
    const record = /^(refresh|store|push)\./.test(found.key) ? valueIn(found, targetRecord) : undefined
    if (record) records.set(found.key, record)
  }
  return records
}
