/**
 * One holder per target, and only forward: a handler claims its target in the bucket `targets` by compare-and-set before
 * it acts, and asks again before it reports. Being done once per run and target is promised here, not by the bus.
 */
import { randomUUID } from 'node:crypto'
import type { KV } from '@nats-io/kv'
import { attempt } from './compare-and-set.ts'
import { ClaimLost, type Failure } from './errors.ts'
import { timestamp } from './messages.ts'
import { type PatienceOptions, patiently } from './patiently.ts'
import type { Outgoing } from './publish.ts'
import { z } from './zod.ts'

/** How a run ended at a target. Kept whole, so that work that comes back is answered with the same facts. */
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
  readonly expiry?: string
  readonly ended?: Ending
}

/** What readers rely on; everything else in a record belongs to its writer. */
export const targetRecord = z.looseObject({
  run: z.string(),
  entry: z.string(),
}) as unknown as z.ZodType<TargetRecord>

export type ClaimDecision =
  | { readonly kind: 'take'; readonly attempts: number }
  | { readonly kind: 'superseded'; readonly by: string }
  | { readonly kind: 'ended'; readonly ending: Ending }

/** May `run` work on this target? Pure. */
export function decideClaim(record: TargetRecord | undefined, run: string): ClaimDecision {
  if (!record) return { kind: 'take', attempts: 1 }
  if (record.run > run) return { kind: 'superseded', by: record.run }
  if (record.ended?.run === run) return { kind: 'ended', ending: record.ended }
  return { kind: 'take', attempts: record.run === run ? record.attempts + 1 : 1 }
}

/** A claim that was taken: every change is a compare-and-set and throws {@link ClaimLost} when somebody else has it now. */
export interface Claim {
  readonly record: TargetRecord
  /** Throws unless the target is still ours. */
  check(): Promise<void>
  change(change: Partial<TargetRecord>): Promise<void>
}

export type Claimed =
  | Exclude<ClaimDecision, { kind: 'take' }>
  | { readonly kind: 'taken'; readonly claim: Claim }

/** Claims `key` for `run`, or says why not. Retries while others change the record, and while the bus is away. */
export async function takeClaim(
  kv: KV,
  key: string,
  subject: { run: string; entry: string; target?: string },
  patience: PatienceOptions = {},
): Promise<Claimed> {
  const holder = randomUUID()
  for (;;) {
    const found = await patiently(() => readRecord(kv, key), patience)
    if (found && found.record.holder === holder)
      return { kind: 'taken', claim: claimOf(kv, key, found.record, found.revision) }
    const decision = decideClaim(found?.record, subject.run)
    if (decision.kind !== 'take') return decision
    const { reported: _, reportedAt: __, ...before } = found?.record ?? {}
    const sameRun = found?.record.run === subject.run
    const record: TargetRecord = {
      ...before,
      ...(sameRun && found ? reportOf(found.record) : {}),
      ...subject,
      holder,
      attempts: decision.attempts,
      lastAttempt: timestamp(),
    }
    const revision = await patiently(() => compareAndSet(kv, key, record, found?.revision ?? 0), patience)
    if (revision !== undefined) return { kind: 'taken', claim: claimOf(kv, key, record, revision) }
  }
}

const reportOf = ({ reported, reportedAt }: TargetRecord) => ({
  ...(reported ? { reported } : {}),
  ...(reportedAt ? { reportedAt } : {}),
})

function claimOf(kv: KV, key: string, record: TargetRecord, revision: number): Claim {
  let current = record
  let expected = revision
  return {
    get record() {
      return current
    },
    async check() {
      const found = await readRecord(kv, key)
      if (found?.record.holder !== current.holder) throw new ClaimLost(`another holder has ${key} now`)
    },
    async change(change) {
      const next = { ...current, ...change }
      let written = await compareAndSet(kv, key, next, expected)
      while (written === undefined) {
        // Our own write may have been stored although its answer was lost.
        const found = await readRecord(kv, key)
        if (found?.record.holder !== current.holder) throw new ClaimLost(`another holder has ${key} now`)
        written = await compareAndSet(kv, key, next, found.revision)
      }
      current = next
      expected = written
    },
  }
}

async function readRecord(
  kv: KV,
  key: string,
): Promise<{ record: TargetRecord; revision: number } | undefined> {
  const found = await kv.get(key)
  if (found?.operation !== 'PUT') return undefined
  return { record: found.json<TargetRecord>(), revision: found.revision }
}

/** The new revision, or undefined when somebody was faster. */
function compareAndSet(kv: KV, key: string, value: object, revision: number): Promise<number | undefined> {
  const data = JSON.stringify(value)
  return attempt(() => (revision === 0 ? kv.create(key, data) : kv.update(key, data, revision)))
}
