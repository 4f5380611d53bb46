/** What a run has brought that people may have to hear: failures, what works again, a test that went well. */
import type { KV } from '@nats-io/kv'
import type { Site } from '../../shared/config/site.ts'
import { inParallel } from '../../shared/in-parallel.ts'
import { cleanLine } from '../../shared/outcome-text.ts'
import { isMuted } from './addressees.ts'
import {
  type Failing,
  failingKey,
  readCounts,
  recordFailure,
  recordMutedSuccess,
  recordSuccess,
} from './failure-store.ts'
import type { LedgerRow, LedgerRun, TargetRow } from './ledger.ts'
import type { News } from './news.ts'
import { forgetWarning, isWarned } from './warning-store.ts'

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
 * Counts how everything in these rows of `run` ended, and returns the news. Asked again for the same run, it
 * counts nothing twice and returns the same.
 */
export async function countRows(
  run: LedgerRun,
  rows: readonly LedgerRow[],
  { site, failures }: { site: Site; failures: KV },
): Promise<News[]> {
  const { push, notify } = run.mode
  const { traceId, spanId } = run
  const ofRun = { run: run.run, isTest: !push, ...(traceId && { traceId, spanId }) }
  // One look at all of them, instead of one at each of a run's targets; a late result is of one target alone.
  const counts = rows.length > 1 ? await readCounts(failures) : undefined
  // A muted or a test run must not use up the alert of a full one: it tells what it saw and counts no failure.
  const isCounted = push && notify
  const news = await inParallel(rows.flatMap(thingsOf), async (thing): Promise<News | undefined> => {
    const { entry, service, kind: where, name, at } = thing
    const about = { ...ofRun, at, entry, service, where, name }
    if (thing.state === 'failed') {
      const why = whyOf(thing)
      const kind = why.code === 'authentication-needed' && !thing.cause ? 'authentication' : 'failure'
      if (!isCounted) return { ...about, ...why, kind, since: at, runs: 1 }
      const threshold = site.errorCountToSendMessage
      const [isUrgent, muted] = [kind === 'authentication', isMuted(site, entry)]
      const count = await recordFailure(failures, thing, {
        run: run.run,
        at,
        threshold,
        isUrgent,
        isMuted: muted,
      })
      return count.told ? { ...about, ...why, kind, since: count.since, runs: count.runs } : undefined
    }
    if (thing.state !== 'done' || counts?.has(failingKey(thing)) === false) return undefined
    if (!isCounted) {
      await recordMutedSuccess(failures, thing, { run: run.run, at })
      return undefined
    }
    const over = await recordSuccess(failures, thing, { run: run.run, at }, () =>
      isWarned(failures, thing, site),
    )
    if (over?.ends.includes('expiring')) await forgetWarning(failures, thing, site)
    return over && { ...about, kind: 'recovered', message: '', action: '', ...over }
  })
  return notify ? news.filter((one) => one !== undefined) : []
}

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
