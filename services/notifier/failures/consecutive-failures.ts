/**
 * Counts the runs in a row that a target failed in and decides when to speak: at the threshold, then counting starts again;
 * at once where only a person can help; and when it works again, to whom it was told. Pure.
 */
import { newsKind, time } from '../../../shared/contracts/messages.ts'
import { runId } from '../../../shared/contracts/run-id.ts'
import { z } from '../../../shared/contracts/zod.ts'

/** The value of a target's key in the bucket `failures`. */
export const failureCount = z.object({
  /** Runs in a row, up to the threshold; starts again when it was told. */
  count: z.int(),
  /** When the first of the runs in a row failed; of a target that works, when it began to. */
  since: time,
  /** Runs in a row since then, told or not; 0: it works. */
  runs: z.int(),
  /** The run that was counted last: an event seen twice counts once, and one that is late does not count. */
  lastRun: runId,
  /** The last run counted is one that people are told of. */
  told: z.boolean(),
  /** People were told of these runs in a row. */
  heard: z.boolean().default(false),
  /** As what: notifiers of older versions do not say. */
  heardAs: z.array(z.enum(['failure', 'authentication'])).default([]),
  /** When they were told last that somebody has to act. */
  urgentAt: time.optional(),
  /** The key of what was at fault last; empty for what failed with its entry's refresh. Older notifiers do not say. */
  cause: z.string().optional(),
  /** What the run counted last has ended, where people had heard of it. */
  recovered: z
    .object({
      since: time,
      runs: z.int(),
      ends: z.array(newsKind).default(['failure']),
      cause: z.string().optional(),
    })
    .optional(),
})
export type FailureCount = z.infer<typeof failureCount>

/** How often people are told again that somebody has to act (milliseconds). */
const urgentAgainMs = 24 * 60 * 60_000

export interface FailedRun {
  readonly run: string
  readonly at: string
  /** Runs in a row before people are told; from 1. */
  readonly threshold: number
  /** Only a person can help: told at once, and then once a day. */
  readonly isUrgent?: boolean
  /** Nobody hears of this target, whatever is told. */
  readonly isMuted?: boolean
  /** The key of what is at fault; empty for what failed with its entry's refresh. */
  readonly cause?: string
}

/** The count after one more failed run, and whether people are told now (`told`). */
export function countFailure(before: FailureCount | undefined, failed: FailedRun): FailureCount {
  const { run, at, threshold, isUrgent = false, isMuted = false, cause } = failed
  if (before && run <= before.lastRun) return before
  const inRow = before && before.runs > 0 ? before : undefined
  const count = (inRow?.count ?? 0) + 1
  const isReached = count >= threshold
  const told = isUrgent ? isUrgentNews(inRow?.urgentAt, at) : isReached
  const urgentAt = isUrgent && told ? at : inRow?.urgentAt
  const isHeard = told && !isMuted
  return {
    count: isReached ? 0 : count,
    since: inRow?.since ?? at,
    runs: (inRow?.runs ?? 0) + 1,
    lastRun: run,
    told,
    heard: (inRow?.heard ?? false) || isHeard,
    heardAs: heardWith(inRow?.heardAs ?? [], isHeard ? [isUrgent ? 'authentication' : 'failure'] : []),
    ...(urgentAt ? { urgentAt } : {}),
    ...(cause === undefined ? {} : { cause }),
  }
}

const heardWith = (before: FailureCount['heardAs'], more: FailureCount['heardAs']) => [
  ...new Set([...before, ...more]),
]

const isUrgentNews = (toldAt: string | undefined, now: string) =>
  toldAt === undefined || Date.parse(now) - Date.parse(toldAt) >= urgentAgainMs

export interface GoodRun extends Pick<FailedRun, 'run' | 'at'> {
  /** People were warned of the end of the token there. */
  readonly isWarned?: boolean
}

/** The count after a run that worked; undefined where there is nothing to keep. A later failure stays. */
export function countSuccess(
  before: FailureCount | undefined,
  { run, at, isWarned = false }: GoodRun,
): FailureCount | undefined {
  if (!before || before.runs === 0 || run < before.lastRun) return before
  const { heard, heardAs, since, runs, cause } = before
  const ends = [
    ...(heard ? (heardAs.length > 0 ? heardAs : ['failure' as const]) : []),
    ...(isWarned ? ['expiring' as const] : []),
  ]
  return {
    ...{ count: 0, since: at, runs: 0, lastRun: run, told: false, heard: false, heardAs: [] },
    ...(ends.length > 0
      ? { recovered: { since, runs, ends, ...(cause === undefined ? {} : { cause }) } }
      : {}),
  }
}

/** What `run` has ended and people have to be told of: the same answer however often it is asked. */
export function recoveryBy(count: FailureCount | undefined, run: string): FailureCount['recovered'] {
  return count?.lastRun === run ? count.recovered : undefined
}
