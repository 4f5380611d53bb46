/** What a run has brought that people may have to hear: failures, what works again, a test that went well. */

import { inParallel } from '../../../shared/bus/in-parallel.ts'
import { cleanLine } from '../../../shared/contracts/one-sentence.ts'
import { isMuted, mayConcernStakeholders } from '../digest/addressees.ts'
import { causeOf, needsExperiment } from '../failures/cause.ts'
import { isCauseHeard } from '../failures/cause-store.ts'
import {
  type Failing,
  failingKey,
  readCounts,
  recordFailure,
  recordMutedSuccess,
  recordSuccess,
} from '../failures/failure-store.ts'
import { forgetWarning, isWarned } from '../failures/warning-store.ts'
import type { LedgerRow, LedgerRun, TargetRow } from '../ledger/ledger.ts'
import { type CountDeps, isCounted, type Occasion, ofRun } from '../ledger/occasion.ts'
import { type CauseMember, newsOfCauses } from './cause-news.ts'
import type { News } from './news.ts'
import { unfinishedNews } from './unfinished.ts'

/** An entry's refresh or one of its targets, as it stands in a row. */
interface Thing extends Failing {
  readonly service: string
  readonly name: string
  readonly state: TargetRow['state']
  /** When it came to this state: a notifier that was away hears of it later. */
  readonly at: string
  readonly code?: string | undefined
  readonly message?: string | undefined
  readonly action?: string | undefined
  readonly causeName?: string | undefined
  readonly cause?: TargetRow['cause']
}

/** Everything in a row that can fail, in its order. An entry without a token is one thing, and each of its nodes another. */
export function thingsOf(row: LedgerRow): Thing[] {
  const { entry, service, refresh, targets } = row
  return [
    { ...refresh, entry, service, kind: 'refresh', name: service },
    ...targets.map((target) => ({ ...target, entry, service })),
  ]
}

/**
 * Counts how everything in these rows of a run ended, and returns the news. Asked again on the same occasion, it counts
 * nothing twice and returns the same.
 */
export async function countRows(occasion: Occasion, deps: CountDeps): Promise<News[]> {
  const { run, rows } = occasion
  const { site } = deps
  // One look at all of them, instead of one at each of a run's targets; a late result is of one target alone.
  const counts = rows.length > 1 ? await readCounts(deps.failures) : undefined
  const counted = await inParallel(rows.flatMap(thingsOf), async (thing): Promise<Counted> => {
    if (thing.state === 'failed') return countFailed(thing, run, deps)
    const isGood = thing.state === 'done' && counts?.has(failingKey(thing)) !== false
    return isGood ? countGood(thing, run, deps) : {}
  })
  if (!run.mode.notify) return []
  const members = counted.flatMap(({ member }) => member ?? [])
  const isMended = counted.some((one) => one.isMended)
  return [
    ...counted.flatMap(({ news }) => news ?? []),
    ...(await newsOfCauses(members, { ...occasion, isMended }, deps)),
    ...(occasion.isWhole ? unfinishedNews(run, rows, site) : []),
  ]
}

interface Counted {
  /** For stakeholders; where an older notifier had told administrators too, for them as well. */
  readonly news?: News
  /** What failed by itself and may be told: administrators hear of its cause. */
  readonly member?: CauseMember
  /** It had failed before. */
  readonly isMended?: boolean
}

async function countFailed(thing: Thing, run: LedgerRun, { site, failures }: CountDeps): Promise<Counted> {
  const { entry, at } = thing
  const why = whyOf(thing)
  const isConsequence = thing.cause === 'refresh'
  const cause = causeOf({ ...thing, ...why }, site)
  const isUrgent = needsExperiment(why.code) && !isConsequence
  const kind = isUrgent ? 'authentication' : 'failure'
  const piece: News = { ...about(thing, run), ...why, kind, audience: 'stakeholders', since: at, runs: 1 }
  // What hangs on a token that was not made is no failure of its own, unless they have to act before there is one.
  const isTheirs = (!isConsequence || needsExperiment(why.code)) && mayConcernStakeholders(piece, site)
  const member = { thing: { ...thing, where: thing.kind }, why, cause, isUrgent }
  const muted = isMuted(site, entry)
  if (!isCounted(run)) return isConsequence || muted ? {} : { member }
  const counted = await recordFailure(failures, thing, {
    ...{ run: run.run, at, threshold: site.errorCountToSendMessage, isUrgent },
    ...{ isMuted: muted || !isTheirs, cause: isConsequence ? '' : cause.key },
  })
  return {
    ...(counted.count.told &&
      isTheirs && { news: { ...piece, since: counted.count.since, runs: counted.count.runs } }),
    ...(!isConsequence && !muted && { member: { ...member, counted } }),
  }
}

async function countGood(thing: Thing, run: LedgerRun, { site, failures }: CountDeps): Promise<Counted> {
  const good = { run: run.run, at: thing.at }
  if (!isCounted(run)) {
    await recordMutedSuccess(failures, thing, good)
    return {}
  }
  const { over, isMended } = await recordSuccess(
    failures,
    thing,
    good,
    async ({ heard, cause }) =>
      (heard || (await isCauseHeard(failures, cause))) && isWarned(failures, thing, site),
  )
  if (over?.ends.includes('expiring')) await forgetWarning(failures, thing, site)
  if (!over) return { isMended }
  const { cause, ...recovered } = over
  // Administrators hear that the cause is over, unless an older notifier has told them of each thing.
  const audience = cause === undefined ? {} : ({ audience: 'stakeholders' } as const)
  return {
    isMended,
    news: { ...about(thing, run), kind: 'recovered', message: '', action: '', ...recovered, ...audience },
  }
}

const about = ({ entry, service, kind: where, name, at }: Thing, run: LedgerRun) => ({
  ...{ ...ofRun(run), at, entry, service, where, name },
})

const whyOf = ({ code, message, action }: Thing) => ({
  code: code ?? 'unexpected',
  message: cleanLine(message ?? ''),
  action: cleanLine(action ?? ''),
})

/** A test run that went well says so; undefined for any other. */
export function completionOf(run: LedgerRun, rows: readonly LedgerRow[], at: string): News | undefined {
  const { push, notify } = run.mode
  const isGood = rows.flatMap(thingsOf).every(({ state }) => state === 'done' || state === 'superseded')
  if (push || !notify || !isGood || rows.length === 0) return undefined
  const message = `Tokens were made for ${rows.length} ${rows.length === 1 ? 'service' : 'services'}; no node was touched.`
  return { kind: 'completed', run: run.run, at, isTest: true, message, action: '' }
}
