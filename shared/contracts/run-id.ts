/** Run ids: ULIDs that order runs, each greater than the last one whatever the clock says. */
import { decodeTime, incrementBase32, ulid } from 'ulid'
import { z } from './zod.ts'

/** So far may somebody's clock be ahead of ours (milliseconds). A run of the year 9999 would supersede all later ones for ever. */
export const mostAheadMs = 24 * 60 * 60_000

/** A run's id as others say it. Only capitals: small letters would come after every id of ours. */
export const runId = z
  .string()
  .regex(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/, { error: 'not the id of a run', abort: true })
  .refine((id) => decodeTime(id) <= Date.now() + mostAheadMs, 'the id of a run more than 24 hours from now')
  .describe('ULID of the run; later runs have greater ids.')

export const isRunId = (text: string): boolean => runId.safeParse(text).success

/** A ULID for `now` (milliseconds), or the smallest one after `last` where the clock is behind. Pure but for randomness. */
export function nextRunId(last: string | undefined, now: number): string {
  if (last === undefined) return ulid(now)
  const candidate = ulid(Math.max(now, decodeTime(last)))
  return candidate > last ? candidate : incrementBase32(last)
}
