/** What the bucket `targets` says of a target: who has it, how it went there last, and what was told of that. */
import type { KV } from '@nats-io/kv'
import { inParallel } from '../bus/in-parallel.ts'
import type { Outgoing } from '../bus/publish.ts'
import { listKeys, readEach } from '../bus/read-bucket.ts'
import { readValue, valueIn } from '../bus/read-value.ts'
import type { Entry } from '../config/site.ts'
import type { Failure } from '../contracts/errors.ts'
import { reasonCode, time } from '../contracts/messages.ts'
import { runId } from '../contracts/run-id.ts'
import { type EntryName, pushSubject, refreshSubject, storeSubject } from '../contracts/subjects.ts'
import { z } from '../contracts/zod.ts'
import { type Remembered, remembered } from './memory.ts'

/** A fact about a token, as it was published: nothing else is ever published again from here. */
const toldFact = z.object({
  kind: z.literal('fact'),
  subject: z.string().regex(/^token\.(ready|stored|pushed|removed|failed)\.[^.\s*>]+\.[^.\s*>]+$/),
  id: z.string().min(1),
  body: z.looseObject({ run: runId, entry: z.string() }),
})

const failed = z.object({
  ...{ code: reasonCode, message: z.string(), action: z.string() },
  causeName: z.string().exactOptional(),
  credds: z.array(z.string()).readonly().exactOptional(),
})

/** How a run ended at a target. Kept whole, so that work that comes back is answered with the same facts. */
const ending = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('done'), run: runId, messages: z.array(toldFact).readonly() }),
    z.object({ kind: z.literal('failed'), run: runId, failure: failed }),
  ])
  .refine(
    (ended) => ended.kind === 'failed' || ended.messages.every(({ body }) => body.run === ended.run),
    'facts of another run',
  )
export type Ending =
  | { readonly run: string; readonly kind: 'done'; readonly messages: readonly Outgoing[] }
  | { readonly run: string; readonly kind: 'failed'; readonly failure: Failure }

/** The value of a key in the bucket `targets`. Times are RFC 3339. */
export interface TargetRecord {
  readonly entry: string
  /** Credd or node; absent for the entry's own refresh. */
  readonly target?: string
  /** The newest run that claimed this target. */
  readonly run: string
  /** Random id of the claim. */
  readonly holder: string
  readonly attempts: number
  /** The failure of this run was published. */
  readonly reported?: boolean
  /** When that was. */
  readonly reportedAt?: string
  readonly lastAttempt: string
  readonly lastSuccess?: string
  /** When the token that lies there ends. */
  readonly expiry?: string | undefined
  readonly ended?: Ending
  /** What was done there and how to get there again, for whoever has to undo it. */
  readonly remembered?: Remembered
}

/** What a later version writes besides is kept. */
export const targetRecord = z.looseObject({
  ...{ entry: z.string(), target: z.string().exactOptional(), run: runId, holder: z.string() },
  ...{ attempts: z.int(), reported: z.boolean().exactOptional(), reportedAt: time.exactOptional() },
  ...{ lastAttempt: time, lastSuccess: time.exactOptional(), expiry: time.exactOptional() },
  ended: ending.exactOptional(),
  remembered: remembered.exactOptional(),
}) as unknown as z.ZodType<TargetRecord>

/** The record as far as it is about the target under `key`: facts of another entry are never told again. Pure. */
export function ofTarget(record: TargetRecord, key: string): TargetRecord {
  const { ended, ...rest } = record
  const [, experiment, role] = key.split('.')
  const isOurs =
    ended?.kind !== 'done' ||
    ended.messages.every(({ subject }) => subject.endsWith(`.${experiment}.${role}`))
  return isOurs ? record : rest
}

/** The records of some entries' targets, by key, for each entry. */
export async function readTargetsOf(
  targets: KV,
  entries: readonly Entry[],
): Promise<ReadonlyMap<string, readonly (readonly [string, TargetRecord])[]>> {
  // Which credds they have, only their records say.
  const isAsked = entries.some(({ credds, tokenGetter }) => !credds && tokenGetter === 'storeAndGetToken')
  const stores = Map.groupBy(isAsked ? await listKeys(targets, 'store.>') : [], (key) =>
    key.slice(0, key.lastIndexOf('.')),
  )
  const keys = entries.flatMap((entry) => [
    refreshSubject(entry),
    ...entry.nodes.map((node) => pushSubject(entry, node)),
    ...(entry.credds?.map((credd) => storeSubject(entry, credd)) ?? stores.get(storesOf(entry)) ?? []),
  ])
  const found = await inParallel(keys, async (key) => {
    const { value } = await readValue(targets, key, targetRecord)
    return value ? [[key, value] as const] : []
  })
  return Map.groupBy(found.flat(), ([, { entry }]) => entry)
}

/** What the keys of an entry's stores begin with. */
const storesOf = (entry: EntryName) => refreshSubject(entry).replace('refresh', 'store')

/** What is wanted of every record, by key, in one pass: fifty thousand whole ones do not fit into a small process. */
export async function readTargets<T>(
  targets: KV,
  take: (record: TargetRecord, key: string) => T,
): Promise<ReadonlyMap<string, T>> {
  const taken = new Map<string, T>()
  await readEach(targets, '>', (found) => {
    // Vault's pause and the schedules lie there too.
    const record = /^(refresh|store|push)\./.test(found.key) ? valueIn(found, targetRecord) : undefined
    if (record) taken.set(found.key, take(record, found.key))
    else taken.delete(found.key)
  })
  return taken
}
