/** Keeps the counts of consecutive failures in the bucket `failures`, by compare-and-set. */
import type { KV } from '@nats-io/kv'
import { attempt, changeValue } from '../../../shared/bus/compare-and-set.ts'
import { readBucket } from '../../../shared/bus/read-bucket.ts'
import { valueIn } from '../../../shared/bus/read-value.ts'
import { failureKey, isFailureKey } from '../../../shared/contracts/subjects.ts'
import { beforeAllRuns } from '../ledger/ledger.ts'
import {
  countFailure,
  countSuccess,
  type FailedRun,
  type FailureCount,
  failureCount,
  type GoodRun,
  recoveryBy,
} from './consecutive-failures.ts'

/** One thing that can fail run after run: an entry's refresh, or one of its targets. */
export interface Failing {
  readonly entry: string
  readonly kind: 'refresh' | 'credd' | 'node'
  readonly name?: string
}

/** Its key in the bucket. */
export const failingKey = ({ entry, kind, name }: Failing) => failureKey(entry, kind, name)

/** A count as it is now, and as it was. */
export interface Counted {
  readonly count: FailureCount
  readonly before: FailureCount | undefined
}

/** Counts one failed run. A run that is older than the last one counted changes and tells nothing. */
export async function recordFailure(failures: KV, failing: Failing, failed: FailedRun): Promise<Counted> {
  let before: FailureCount | undefined
  const next = await changeCount(failures, failing, (found) => {
    before = found
    return countFailure(found, failed)
  })
  // Never undefined: a failure always leaves a count.
  const count = next as FailureCount
  return { count: { ...count, told: count.told && count.lastRun === failed.run }, before }
}

/**
 * Counts one run that worked, and returns what it has ended, where people had heard of that, and whether it has ended
 * anything. `isWarned` says whether they were warned of the end of the token there, and nobody else tells that it is replaced.
 */
export async function recordSuccess(
  failures: KV,
  failing: Failing,
  worked: Pick<GoodRun, 'run' | 'at'>,
  isWarned: (before: FailureCount) => Promise<boolean>,
): Promise<{ readonly over: FailureCount['recovered']; readonly isMended: boolean }> {
  const after = await changeCount(failures, failing, async (before) =>
    countSuccess(before, {
      ...worked,
      isWarned: before !== undefined && before.runs > 0 && (await isWarned(before)),
    }),
  )
  return { over: recoveryBy(after, worked.run), isMended: after?.lastRun === worked.run }
}

/** A success that may not be told of: what people have heard of stays, for a run that may tell them. */
export async function recordMutedSuccess(
  failures: KV,
  failing: Failing,
  worked: Pick<GoodRun, 'run' | 'at'>,
): Promise<void> {
  await changeCount(failures, failing, (before) => (before?.heard ? before : countSuccess(before, worked)))
}

const changeCount = (
  failures: KV,
  failing: Failing,
  change: (before: FailureCount | undefined) => FailureCount | undefined | Promise<FailureCount | undefined>,
) => changeValue(failures, failingKey(failing), failureCount, change)

/** All counts in one pass, by key: most targets of a run have none. */
export async function readCounts(failures: KV): Promise<ReadonlyMap<string, FailureCount>> {
  const counts = new Map<string, FailureCount>()
  for (const found of (await readBucket(failures)).values()) {
    const count = isFailureKey(found.key) ? valueIn(found, failureCount) : undefined
    if (count) counts.set(found.key, count)
  }
  return counts
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
