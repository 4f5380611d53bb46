/** Keeps the counts of consecutive failures in the bucket `failures`, by compare-and-set. */
import type { KV } from '@nats-io/kv'
import { attempt } from '../../shared/compare-and-set.ts'
import { encodeToken } from '../../shared/subjects.ts'
import { countFailure, type FailureCount, failureCount } from './threshold.ts'

/** One thing that can fail run after run: an entry's refresh, or one of its targets. */
export interface Failing {
  readonly entry: string
  readonly kind: 'refresh' | 'credd' | 'node'
  readonly name?: string
}

const keyOf = ({ entry, kind, name }: Failing) =>
  [encodeToken(entry), kind, ...(name ? [encodeToken(name)] : [])].join('.')

/** Counts one failed run and returns the count. A run that is older than the last one counted changes and tells nothing. */
export async function recordFailure(
  failures: KV,
  failing: Failing,
  run: string,
  at: string,
  threshold: number,
): Promise<FailureCount> {
  const key = keyOf(failing)
  for (;;) {
    const found = await failures.get(key)
    const before = found?.operation === 'PUT' ? failureCount.parse(found.json()) : undefined
    const next = countFailure(before, run, at, threshold)
    if (next === before) return { ...next, told: next.told && next.lastRun === run }
    const value = JSON.stringify(next)
    const written = await attempt(() =>
      found?.operation === 'PUT' ? failures.update(key, value, found.revision) : failures.create(key, value),
    )
    if (written !== undefined) return next
  }
}

/** A success clears the count, unless a later run has failed since. */
export async function clearFailure(failures: KV, failing: Failing, run: string): Promise<void> {
  const key = keyOf(failing)
  const found = await failures.get(key)
  if (found?.operation !== 'PUT' || failureCount.parse(found.json()).lastRun > run) return
  await attempt(() => failures.delete(key, { previousSeq: found.revision }))
}
