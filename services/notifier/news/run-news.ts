/** What a run has brought that people may have to hear: failures, what works again, a test that went well. */

import { inParallel } from '../../../shared/bus/in-parallel.ts'
import type { Found } from '../../../shared/bus/read-value.ts'
import { cleanLine } from '../../../shared/contracts/one-sentence.ts'
import { isMuted, mayConcernStakeholders } from '../digest/addressees.ts'
import { causeOf, needsExperiment } from '../failures/cause.ts'
import type { Failing, FailureCount } from '../failures/consecutive-failures.ts'
import { countOnce, countReader, failingKey, isCauseHeard, readCount } from '../failures/failure-store.ts'
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
    ...targets.map((target) => ({ ...target, state: countedAs(target), entry, service })),
  ]
}

/** What is done and no good to anybody is no failure of the run, and counts as one for people. */
const countedAs = ({ state, code }: TargetRow) => (state === 'done' && code !== undefined ? 'failed' : state)

/**
 * Counts how everything in these rows of a run ended, and returns the news. Asked again on the same occasion, it counts
 * nothing twice and returns the same.
 */
export async function countRows(occasion: Occasion, deps: CountDeps): Promise<News[]> {
  const { run, rows, isWhole } = occasion
  // One look at all of them, instead of one at each of a run's targets; a late result is of few.
  const countAt = isWhole ? await countReader(deps.failures) : undefined
  const results = await inParallel(rows.flatMap(thingsOf), async (thing): Promise<ThingResult> => {
    if (thing.state !== 'failed' && thing.state !== 'done') return {}
    const key = failingKey(thing)
    const known = countAt ? countAt(key) : await readCount(deps.failures, key)
    if (thing.state === 'failed') return countFailed(thing, known, occasion, deps)
    return known.value ? countGood(thing, { ...known, value: known.value }, occasion, deps) : {}
  })
  if (!run.mode.notify) return []
  const members = results.flatMap(({ member }) => member ?? [])
  const isMended = results.some((one) => one.isMended)
  return [
    ...results.flatMap(({ news }) => news ?? []),
    ...(await newsOfCauses(members, { ...occasion, isMended }, deps)),
    ...(isWhole ? unfinishedNews(run, rows, deps.site) : []),
  ]
}

interface ThingResult {
  /** For stakeholders; where an older notifier had told administrators too, for them as well. */
  readonly news?: News
  /** What failed by itself and may be told: administrators hear of its cause. */
  readonly member?: CauseMember
  /** It had failed before. */
  readonly isMended?: boolean
}

async function countFailed(
  thing: Thing,
  known: Found<FailureCount>,
  { run, by }: Occasion,
  { site, failures }: CountDeps,
): Promise<ThingResult> {
  const { entry, at } = thing
  const why = whyOf(thing)
  const isConsequence = thing.cause === 'refresh'
  const cause = causeOf({ ...thing, ...why }, site)
  const isUrgent = needsExperiment(why.code) && !isConsequence
  const kind = isUrgent ? 'authentication' : 'failure'
  const piece: News = { ...about(thing, run), ...why, kind, audience: 'stakeholders' }
  // What hangs on a token that was not made is no failure of its own, unless they have to act before there is one.
  const isTheirs = (!isConsequence || needsExperiment(why.code)) && mayConcernStakeholders(piece, site)
  const member = { thing: { ...thing, where: thing.kind }, why, cause, isUrgent }
  const muted = isMuted(site, entry)
  if (!isCounted(run)) return isConsequence || muted ? {} : { member }
  const failed = {
    ...{ consecutive: site.errorCountToSendMessage, isUrgent },
    cause: isConsequence ? '' : cause.key,
  }
  const result = { run: run.run, at, by, isMuted: muted || !isTheirs, failed }
  const counted = await countOnce(failures, failingKey(thing), result, known)
  const { since, runs, lastRun = run.run } = counted.count ?? {}
  // How it stands has been counted by a newer run, which ended earlier.
  const isOutdated = lastRun > run.run
  return {
    ...(counted.isTold && isTheirs && { news: { ...piece, since, runs } }),
    ...(!isConsequence && !muted && !isOutdated && { member: { ...member, counted } }),
  }
}

async function countGood(
  thing: Thing,
  known: Found<FailureCount> & { readonly value: FailureCount },
  { run, by }: Occasion,
  { site, failures }: CountDeps,
): Promise<ThingResult> {
  const { runs, heard, cause } = known.value
  const isHeard = runs > 0 && (heard || (await isCauseHeard(failures, cause)))
  const isWarnedOf = isCounted(run) && isHeard && (await isWarned(failures, thing, site))
  const result = { run: run.run, at: thing.at, by, isMuted: !isCounted(run), isWarned: isWarnedOf }
  const { count, recovered } = await countOnce(failures, failingKey(thing), result, known)
  if (recovered?.ends.includes('expiring')) await forgetWarning(failures, thing, site)
  const isMended = count?.lastRun === run.run
  if (!recovered) return { isMended }
  const { cause: ofCause, ...over } = recovered
  // Administrators hear that the cause is over, unless an older notifier has told them of each thing.
  const audience = ofCause === undefined ? {} : ({ audience: 'stakeholders' } as const)
  return {
    isMended,
    news: { ...about(thing, run), kind: 'recovered', message: '', action: '', ...over, ...audience },
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
