/** Keeps the counts of consecutive failures in the bucket `failures`, of targets and of causes, each changed by compare-and-set. */
import type { KV } from '@nats-io/kv'
import { attempt, changeValue } from '../../../shared/bus/compare-and-set.ts'
import { inParallel } from '../../../shared/bus/in-parallel.ts'
import { readBucket } from '../../../shared/bus/read-bucket.ts'
import { type Found, foundIn, isKey, readValue, valueIn } from '../../../shared/bus/read-value.ts'
import {
  causeKeys,
  encodeToken,
  failureKey,
  isFailureKey,
  warningKeys,
} from '../../../shared/contracts/subjects.ts'
import { beforeAllRuns } from '../ledger/ledger.ts'
import { withoutThings } from './affected.ts'
import {
  broughtBy,
  type CauseCount,
  causeCount,
  countResult,
  type Failing,
  type FailureCount,
  failureCount,
  type Result,
} from './consecutive-failures.ts'
import { type Warned, warned } from './warning-store.ts'

/** Its key in the bucket. */
export const failingKey = ({ entry, kind, name }: Failing) => failureKey(entry, kind, name)

/** A count as it was, as it is now, and what the result has brought. */
export interface Counted extends ReturnType<typeof broughtBy> {
  readonly before: FailureCount | undefined
  /** Undefined where something works that had never failed. */
  readonly count: FailureCount | undefined
}

/** Counts a result of a run, once however often it comes. One that is older than the last one counted changes and tells nothing. */
export async function countOnce(
  failures: KV,
  key: string,
  result: Result,
  known?: Found<FailureCount>,
): Promise<Counted> {
  let before: FailureCount | undefined
  const change = (found: FailureCount | undefined) => {
    before = found
    return countResult(found, result)
  }
  const count = await changeValue(failures, key, failureCount, change, known)
  return { before, count, ...broughtBy(count, result) }
}

export const readCount = (failures: KV, key: string): Promise<Found<FailureCount>> =>
  readValue(failures, key, failureCount)

/** Reads counts that were there when it was called, all of them in one pass: most targets of a run have none. */
export async function countReader(failures: KV): Promise<(key: string) => Found<FailureCount>> {
  const entries = await readBucket(failures)
  return (key) => foundIn(entries.get(key), failureCount)
}

/** True where people have heard of this cause, and not yet that it is over. */
export const isCauseHeard = async (failures: KV, cause: string | undefined): Promise<boolean> =>
  cause ? (await readCount(failures, causeKeys.key(cause))).value?.heard === true : false

export interface Kept {
  readonly counts: ReadonlyMap<string, FailureCount>
  /** Without their prefix. */
  readonly causes: ReadonlyMap<string, CauseCount>
  /** By target key. */
  readonly warnings: ReadonlyMap<string, Warned>
}

/** Everything in the bucket that `filter` names, in one pass. */
export async function readFailures(failures: KV, filter?: string): Promise<Kept> {
  const kept = {
    counts: new Map<string, FailureCount>(),
    causes: new Map<string, CauseCount>(),
    warnings: new Map<string, Warned>(),
  }
  const put = <T>(into: Map<string, T>, key: string, value: T | undefined) =>
    value === undefined || into.set(key, value)
  for (const found of (await readBucket(failures, filter)).values()) {
    const { key } = found
    if (warningKeys.has(key) && isKey(key)) put(kept.warnings, warningKeys.rest(key), valueIn(found, warned))
    else if (causeKeys.has(key)) put(kept.causes, causeKeys.rest(key), valueIn(found, causeCount))
    else if (isFailureKey(key)) put(kept.counts, key, valueIn(found, failureCount))
  }
  return kept
}

/** What is revoked fails no more, for whatever it did; that it is revoked is told by itself. */
export async function forgetEntries(failures: KV, entries: readonly string[]): Promise<void> {
  const names = new Set(entries)
  const keys = new Set(entries.map(encodeToken))
  const { counts, causes } = await readFailures(failures)
  const own = [...counts.keys()].filter((key) => keys.has(key.split('.')[0] ?? ''))
  await inParallel(own, (key) => failures.purge(key))
  const without = (count: CauseCount | undefined) =>
    count && { ...count, affected: withoutThings(count.affected, ({ entry }) => names.has(entry)) }
  await inParallel([...causes.keys()], (key) =>
    changeValue(failures, causeKeys.key(key), causeCount, without),
  )
}

/** A count of the predecessor: setup errors are of an entry (`refresh`), push errors of a node. */
export interface ImportedCount {
  readonly failing: Failing
  /** Errors in a row so far. */
  readonly count: number
}

/**
 * Takes over the predecessor's counts as of `at`; what has been counted here already stays, and 0 is nothing to take over.
 * Returns how many were taken.
 */
export async function importCounts(
  failures: KV,
  counts: readonly ImportedCount[],
  at: string,
): Promise<number> {
  let taken = 0
  for (const { failing, count } of counts.filter((one) => one.count > 0)) {
    const value: FailureCount = {
      ...{ count, since: at, runs: count, lastRun: beforeAllRuns, told: false, heard: false, heardAs: [] },
    }
    const written = await attempt(() => failures.create(failingKey(failing), JSON.stringify(value)))
    if (written !== undefined) taken += 1
  }
  return taken
}
