/** Every record of the bucket `targets` in one pass: asking for ten thousand one by one takes longer than an answer may. */
import type { KV } from '@nats-io/kv'
import type { TargetRecord } from './claim.ts'

/** By key. Vault's pause and the schedules lie there too, and are left out. */
export async function readTargets(targets: KV): Promise<ReadonlyMap<string, TargetRecord>> {
  const records = new Map<string, TargetRecord>()
  for await (const found of await targets.history())
    if (found.operation === 'PUT' && /^(refresh|store|push)\./.test(found.key))
      records.set(found.key, found.json<TargetRecord>())
  return records
}
