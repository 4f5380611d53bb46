/**
 * One holder per target, and only forward: a handler claims its target in the bucket `targets` by compare-and-set before
 * it acts, and asks again before it reports. Whoever claims last has it; the earlier one learns so at its next look. Being done once per run and target is promised here, not by the bus.
 */
import { randomUUID } from 'node:crypto'
import type { KV } from '@nats-io/kv'
import { writeAt } from '../bus/compare-and-set.ts'
import { type PatienceOptions, patiently } from '../bus/patiently.ts'
import { readValue } from '../bus/read-value.ts'
import { ClaimLost } from '../contracts/errors.ts'
import { timestamp } from '../contracts/messages.ts'
import { type Ending, ofTarget, type TargetRecord, targetRecord } from './target-record.ts'

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
    const { value: known, revision: last } = await patiently(() => readRecord(kv, key), patience)
    if (known?.holder === holder) return { kind: 'taken', claim: claimOf(kv, key, known, last) }
    const decision = decideClaim(known, subject.run)
    if (decision.kind !== 'take') return decision
    const { reported: _, reportedAt: __, ...before } = known ?? {}
    const record: TargetRecord = {
      ...before,
      ...(known?.run === subject.run ? reportOf(known) : {}),
      ...subject,
      holder,
      attempts: decision.attempts,
      lastAttempt: timestamp(),
    }
    const revision = await patiently(() => compareAndSet(kv, key, record, last), patience)
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
      const { value: found } = await readRecord(kv, key)
      if (found?.holder !== current.holder) throw new ClaimLost(`another holder has ${key} now`)
    },
    async change(change) {
      const next = { ...current, ...change }
      let written = await compareAndSet(kv, key, next, expected)
      while (written === undefined) {
        // Our own write may have been stored although its answer was lost.
        const { value: found, revision: last } = await readRecord(kv, key)
        if (found?.holder !== current.holder) throw new ClaimLost(`another holder has ${key} now`)
        written = await compareAndSet(kv, key, next, last)
      }
      current = next
      expected = written
    },
  }
}

async function readRecord(kv: KV, key: string) {
  const { value, revision } = await readValue(kv, key, targetRecord)
  return { value: value && ofTarget(value, key), revision }
}

/** The new revision, or undefined when somebody was faster. */
const compareAndSet = (kv: KV, key: string, value: object, revision: number): Promise<number | undefined> =>
  writeAt(kv, key, JSON.stringify(value), revision)
