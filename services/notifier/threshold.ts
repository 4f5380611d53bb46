/** Counts consecutive failures of a target and decides when to speak: at the threshold, then counting starts again. Pure. */
import { z } from 'zod'

/** The value of a key in the bucket `failures`. */
export const failureCount = z.object({
  /** Runs in a row, up to the threshold; starts again when it was told. */
  count: z.int(),
  /** When the first of the runs in a row failed. */
  since: z.string(),
  /** Runs in a row since then, told or not. */
  runs: z.int(),
  /** The run that was counted last: an event seen twice counts once. */
  lastRun: z.string(),
  /** The last run counted reached the threshold. */
  told: z.boolean(),
})
export type FailureCount = z.infer<typeof failureCount>

/** The count after one more failed run, and whether people are told now. */
export function countFailure(
  before: FailureCount | undefined,
  run: string,
  at: string,
  threshold: number,
): FailureCount {
  if (before && run <= before.lastRun) return before
  const count = (before?.count ?? 0) + 1
  const told = count >= threshold
  return {
    count: told ? 0 : count,
    since: before?.since ?? at,
    runs: (before?.runs ?? 0) + 1,
    lastRun: run,
    told,
  }
}
