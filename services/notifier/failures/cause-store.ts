/** Counts the runs in a row in which something failed for one cause, in the bucket `failures`, by compare-and-set. */
import type { KV } from '@nats-io/kv'
import { changeValue } from '../../../shared/bus/compare-and-set.ts'
import { readBucket } from '../../../shared/bus/read-bucket.ts'
import { readValue, valueIn } from '../../../shared/bus/read-value.ts'
import { causeKeys } from '../../../shared/contracts/subjects.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { beforeAllRuns } from '../ledger/ledger.ts'
import { type Affected, affected, joinAffected } from './affected.ts'
import type { Cause } from './cause.ts'
import {
  countFailure,
  countSuccess,
  type FailedRun,
  type FailureCount,
  failureCount,
} from './consecutive-failures.ts'

export const causeCount = failureCount.extend({
  kind: z.string(),
  name: z.string().describe('Of the cause; empty where nobody says.'),
  affected: affected.describe('What hung on it when something failed last.'),
  by: z.string().describe('What counted it last: whatever it told, it tells again when it is done again.'),
})
export type CauseCount = z.infer<typeof causeCount>

export interface CauseFailedRun extends FailedRun {
  readonly kind: string
  readonly name: string
  readonly affected: Affected
  readonly by: string
  /** People have heard of it as something else, and have to hear when it is over. */
  readonly isHeard?: boolean
}

/**
 * Counts one run in which something failed for this cause, and answers the count if this is to be told now. A cause that is
 * new has lasted as long as what failed by it: `counts` are of these, with this run.
 */
export async function recordCauseFailure(
  failures: KV,
  { key, kind, name }: Cause,
  failed: Omit<CauseFailedRun, keyof Cause>,
  counts: readonly FailureCount[],
): Promise<CauseCount | undefined> {
  const after = await changeValue(failures, causeKeys.key(key), causeCount, (before) =>
    countCauseFailure(before, { ...failed, kind, name }, counts),
  )
  return after?.told && after.lastRun === failed.run && after.by === failed.by ? after : undefined
}

/** Pure. */
export function countCauseFailure(
  before: CauseCount | undefined,
  failed: CauseFailedRun,
  counts: readonly FailureCount[],
): CauseCount {
  const { run, by, affected, kind, name } = failed
  if (before && run <= before.lastRun) {
    const joined =
      run === before.lastRun && before.runs > 0 ? joinAffected(before.affected, affected) : before.affected
    return joined.total === before.affected.total ? before : { ...before, affected: joined }
  }
  const inRow = inRowOf(before && before.runs > 0 ? before : undefined, counts, failed)
  const next = countFailure(inRow, failed)
  return { ...next, heard: next.heard || (failed.isHeard ?? false), affected, by, kind, name }
}

/**
 * The count before this run. As long as nobody has heard of the cause, it counts as many runs as any of what fails by it,
 * which may have begun for another: nobody hears of that one later than alone.
 */
function inRowOf(
  before: FailureCount | undefined,
  counts: readonly FailureCount[],
  { threshold, isUrgent = false }: FailedRun,
): FailureCount | undefined {
  const [longest] = counts.toSorted((a, b) => b.runs - a.runs)
  if (!longest || before?.heard || longest.runs - 1 <= (before?.runs ?? 0)) return before
  const isReached = !isUrgent && counts.some(({ told }) => told)
  const count = isReached ? threshold - 1 : Math.max(...counts.map((one) => one.count)) - 1
  return {
    ...{ told: false, heard: false, heardAs: [], lastRun: before?.lastRun ?? beforeAllRuns },
    ...{ count: Math.max(0, count, before?.count ?? 0), since: longest.since, runs: longest.runs - 1 },
  }
}

/** True where people have heard of this cause, and not yet that it is over. */
export async function isCauseHeard(failures: KV, key: string | undefined): Promise<boolean> {
  if (!key) return false
  return (await readValue(failures, causeKeys.key(key), failureCount)).value?.heard === true
}

/** All causes that were ever counted, by key. */
export async function readCauses(failures: KV): Promise<ReadonlyMap<string, CauseCount>> {
  const causes = new Map<string, CauseCount>()
  for (const found of (await readBucket(failures, causeKeys.all)).values()) {
    const count = valueIn(found, causeCount)
    if (count) causes.set(causeKeys.rest(found.key), count)
  }
  return causes
}

/** Notes that nothing fails for the cause any more, and answers what that has ended if it is to be told now. */
export async function recordCauseEnd(
  failures: KV,
  key: string,
  good: { readonly run: string; readonly at: string; readonly by: string },
): Promise<(CauseCount & { readonly recovered: NonNullable<CauseCount['recovered']> }) | undefined> {
  const after = await changeValue(failures, causeKeys.key(key), causeCount, (before) => {
    const next = countSuccess(before, good)
    if (!before || !next || next === before) return before
    const { affected, kind, name } = before
    return { ...next, affected, kind, name, by: good.by }
  })
  const recovered = after?.recovered
  return after && recovered && after.lastRun === good.run && after.by === good.by
    ? { ...after, recovered }
    : undefined
}
