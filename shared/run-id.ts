/** Run ids: ULIDs that order runs, each greater than the last one whatever the clock says. */
import type { KV } from '@nats-io/kv'
import { decodeTime, incrementBase32, ulid } from 'ulid'
import { attempt } from './compare-and-set.ts'
import { latestRunKey } from './subjects.ts'

/** A ULID for `now` (milliseconds), or the smallest one after `last` where the clock is behind. Pure but for randomness. */
export function nextRunId(last: string | undefined, now: number): string {
  if (last === undefined) return ulid(now)
  const candidate = ulid(Math.max(now, decodeTime(last)))
  return candidate > last ? candidate : incrementBase32(last)
}

/** Mints the next id by compare-and-set in `runs`, so that two refreshers never mint out of order. */
export async function mintRunId(runs: KV, now: () => number = Date.now): Promise<string> {
  for (;;) {
    const latest = await runs.get(latestRunKey)
    const last = latest?.operation === 'PUT' ? latest.string() : undefined
    const id = nextRunId(last, now())
    const minted = await attempt(() =>
      latest?.operation === 'PUT'
        ? runs.update(latestRunKey, id, latest.revision)
        : runs.create(latestRunKey, id),
    )
    if (minted !== undefined) return id
  }
}
