/** What a run did not come to before its deadline, as one piece of news for the administrators; nobody else can do anything. Pure. */
import type { Site } from '../../../shared/config/site.ts'
import { isMuted } from '../digest/addressees.ts'
import { counted } from '../failures/affected.ts'
import type { LedgerRow, LedgerRun, TargetRow } from '../ledger/ledger.ts'
import { ofRun } from '../ledger/occasion.ts'
import type { News } from './news.ts'

/** So many nodes and credds are named. */
const mostPlaces = 3

/** A node that waits for a credd which did not take its token (`pushAfter: stored`): that one's failure says so. */
export const isHeldBack = (
  target: Pick<TargetRow, 'kind' | 'state'>,
  targets: readonly TargetRow[],
  { distributor }: Pick<Site, 'distributor'>,
): boolean =>
  distributor.pushAfter === 'stored' &&
  target.kind === 'node' &&
  (target.state === 'waiting' || target.state === 'unfinished') &&
  targets.some(({ kind, state }) => kind === 'credd' && state === 'failed')

/** Nothing where all was tried, or another run has taken it over. */
export function unfinishedNews(run: LedgerRun, rows: readonly LedgerRow[], site: Site): News[] {
  const left = rows.filter(({ entry }) => !isMuted(site, entry)).flatMap((row) => leftOf(row, site))
  if (left.length === 0) return []
  const places = Map.groupBy(left, ({ place }) => place)
  const most = [...places].toSorted(([, a], [, b]) => b.length - a.length)
  const named = most.slice(0, mostPlaces).map(([place, some]) => `${some.length} ${place}`)
  const rest = most.length > mostPlaces ? ', …' : ''
  const verb = left.length === 1 ? 'was' : 'were'
  return [
    {
      ...{ ...ofRun(run), at: run.deadline, kind: 'notice', audience: 'administrators', about: 'unfinished' },
      title: `${counted(left.length, 'target')} ${verb} not reached before the run’s end: ${named.join(', ')}${rest}`,
      message: `Run ${run.run} ended at its globalTimeout; these were in the queue, and count as no failures.`,
      action: `Raise globalTimeout, lower the retries, or look at what held the queue up: managed-tokens status --run ${run.run}`,
    },
  ]
}

function leftOf({ refresh, targets }: LedgerRow, site: Site): { readonly place: string }[] {
  const left = targets.filter((one) => one.state === 'unfinished' && !isHeldBack(one, targets, site))
  if (targets.length === 0 && refresh.state === 'unfinished') return [{ place: 'without a token' }]
  return left.map(({ kind, name }) => ({ place: kind === 'node' ? `on ${name}` : `in ${name}` }))
}
