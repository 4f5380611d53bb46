/**
 * Decides what a result of a run makes of a count of failed runs in a row, of one thing or of a cause: told after so many, then
 * counting starts again; at once where only a person can help; and when it works again, to whom it was told. Pure.
 */
import { newsKind, time } from '../../../shared/contracts/messages.ts'
import { runId } from '../../../shared/contracts/run-id.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { beforeAllRuns } from '../ledger/ledger.ts'
import { type Affected, affected, joinAffected } from './affected.ts'

/** One thing that can fail run after run: an entry's refresh, or one of its targets. */
export interface Failing {
  readonly entry: string
  readonly kind: 'refresh' | 'credd' | 'node'
  readonly name?: string
}

/** The value of the key of a target or a cause in the bucket `failures`. */
export const failureCount = z.object({
  /** Runs in a row, until it is told; starts again then. */
  count: z.int(),
  /** When the first of the runs in a row failed; of what works, when it began to. */
  since: time,
  /** Runs in a row since then, told or not; 0: it works. */
  runs: z.int(),
  /** The run that was counted last: an event seen twice counts once, and one that is late does not count. */
  lastRun: runId,
  /** What counted it last: whatever it told, it tells again when it is done again. Older notifiers say so of causes alone. */
  by: z.string().optional(),
  /** The last run counted is one that people are told of. */
  told: z.boolean(),
  /** People were told of these runs in a row. */
  heard: z.boolean().default(false),
  /** As what: notifiers of older versions do not say. */
  heardAs: z.array(z.enum(['failure', 'authentication'])).default([]),
  /** When they were told last that somebody has to act. */
  urgentAt: time.optional(),
  /** Of a target: the key of what was at fault last; empty for what failed with its entry's refresh. Older notifiers do not say. */
  cause: z.string().optional(),
  /** Of a cause: what it is, its name (empty where nobody says), and what hung on it when something failed last. */
  kind: z.string().optional(),
  name: z.string().optional(),
  affected: affected.optional(),
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

/** That of a cause. */
export const causeCount = failureCount.required({ kind: true, name: true, affected: true })
export type CauseCount = z.infer<typeof causeCount>

/** How often people are told again that somebody has to act (milliseconds). */
const urgentAgainMs = 24 * 60 * 60_000

/** How something was in a run. */
export interface Result {
  readonly run: string
  readonly at: string
  /** The occasion on which it is counted: the same when that is done again. */
  readonly by: string
  /** Nobody hears of it, whatever is told; nor that it works, until a result comes of which they may. */
  readonly isMuted?: boolean
  /** Absent where it works. */
  readonly failed?: Failed
  /** Of what works: people were warned of the end of the token there, and nobody else tells that it is replaced. */
  readonly isWarned?: boolean
}

export interface Failed {
  /** So many failed runs in a row are told; from 1. */
  readonly consecutive: number
  /** Only a person can help: told at once, and then once a day. */
  readonly isUrgent?: boolean
  /** Of a target: the key of what is at fault; empty for what failed with its entry's refresh. */
  readonly cause?: string
  /** Of a cause. */
  readonly as?: FailedAs
}

export interface FailedAs {
  readonly kind: string
  readonly name: string
  readonly affected: Affected
  /** Of what failed by it, with this run: a cause that is new has lasted as long as that. */
  readonly counts: readonly FailureCount[]
  /** People have heard of it as something else, and have to hear when it is over. */
  readonly isHeard: boolean
}

/** The count after this result; undefined where there is nothing to keep. */
export const countResult = (before: FailureCount | undefined, result: Result): FailureCount | undefined =>
  result.failed ? countFailure(before, result, result.failed) : countSuccess(before, result)

function countFailure(before: FailureCount | undefined, result: Result, failed: Failed): FailureCount {
  const { run, at, by, isMuted = false } = result
  const { consecutive, isUrgent = false, cause, as } = failed
  if (before && run <= before.lastRun) return joinLate(before, run, failed)
  const inRow = inRowBefore(before, failed)
  const count = (inRow?.count ?? 0) + 1
  const isReached = count >= consecutive
  const told = isUrgent ? isUrgentNews(inRow?.urgentAt, at) : isReached
  const urgentAt = isUrgent && told ? at : inRow?.urgentAt
  const isHeard = told && !isMuted
  return {
    count: isReached ? 0 : count,
    since: inRow?.since ?? at,
    runs: (inRow?.runs ?? 0) + 1,
    ...{ lastRun: run, by, told },
    heard: isHeard || (as?.isHeard ?? false) || (inRow?.heard ?? false),
    heardAs: [
      ...new Set([
        ...(inRow?.heardAs ?? []),
        ...(isHeard ? [isUrgent ? ('authentication' as const) : ('failure' as const)] : []),
      ]),
    ],
    ...(urgentAt ? { urgentAt } : {}),
    ...(cause === undefined ? {} : { cause }),
    ...(as ? { kind: as.kind, name: as.name, affected: as.affected } : {}),
  }
}

/**
 * A run counts once; what fails by the same cause later in it, or in an older run that ends later, hangs on that cause too.
 * What failed with its refresh and then, when that worked, by itself hangs on the cause of that.
 */
function joinLate(before: FailureCount, run: string, { as, cause }: Failed): FailureCount {
  if (before.runs === 0) return before
  if (cause && run === before.lastRun && cause !== before.cause) return { ...before, cause }
  if (!as || !before.affected) return before
  const joined = joinAffected(before.affected, as.affected)
  return joined.total === before.affected.total ? before : { ...before, affected: joined }
}

/**
 * The count of the runs in a row before this one. As long as nobody has heard of a cause, it counts as many runs as any of what
 * fails by it, which may have begun for another: nobody hears of that one later than alone.
 */
function inRowBefore(
  before: FailureCount | undefined,
  { consecutive, isUrgent = false, as }: Failed,
): FailureCount | undefined {
  const inRow = before && before.runs > 0 ? before : undefined
  const counts = as?.counts ?? []
  const [longest] = counts.toSorted((a, b) => b.runs - a.runs)
  if (!longest || inRow?.heard || longest.runs - 1 <= (inRow?.runs ?? 0)) return inRow
  const isReached = !isUrgent && counts.some(({ told }) => told)
  const count = isReached ? consecutive - 1 : Math.max(...counts.map((one) => one.count)) - 1
  return {
    ...{ told: false, heard: false, heardAs: [], lastRun: inRow?.lastRun ?? beforeAllRuns },
    ...{ count: Math.max(0, count, inRow?.count ?? 0), since: longest.since, runs: longest.runs - 1 },
  }
}

const isUrgentNews = (toldAt: string | undefined, now: string) =>
  toldAt === undefined || Date.parse(now) - Date.parse(toldAt) >= urgentAgainMs

/** A later failure stays, and where there was none there is nothing to keep. */
function countSuccess(
  before: FailureCount | undefined,
  { run, at, by, isMuted = false, isWarned = false }: Result,
): FailureCount | undefined {
  if (!before || before.runs === 0 || run < before.lastRun || (isMuted && before.heard)) return before
  const { heard, heardAs, since, runs, cause, kind, name, affected } = before
  const ends = [
    ...(heard ? (heardAs.length > 0 ? heardAs : ['failure' as const]) : []),
    ...(isWarned ? ['expiring' as const] : []),
  ]
  return {
    ...{ count: 0, since: at, runs: 0, lastRun: run, by, told: false, heard: false, heardAs: [] },
    ...(affected ? { kind, name, affected } : {}),
    ...(ends.length > 0
      ? { recovered: { since, runs, ends, ...(cause === undefined ? {} : { cause }) } }
      : {}),
  }
}

/** What a result has brought that people have to be told of: the same answer however often it is asked. */
export function broughtBy(
  count: FailureCount | undefined,
  { run, by }: Pick<Result, 'run' | 'by'>,
): { readonly isTold: boolean; readonly recovered: FailureCount['recovered'] } {
  const isLast = count?.lastRun === run && (count.by === undefined || count.by === by)
  return { isTold: isLast && count.told, recovered: isLast ? count.recovered : undefined }
}
