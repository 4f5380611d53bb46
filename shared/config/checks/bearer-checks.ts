/** Bearer tokens that would end before their successors are there, as far as the file shows it. */

import { renewalLookMs } from '../resolve/deliver.ts'
import type { ResolvedEntry } from '../resolve/resolve.ts'
import { formatDuration } from '../schema/duration.ts'
import type { SiteFile } from '../schema/schema.ts'
import type { Report } from './report.ts'

export function checkBearers(
  { schedule, timeouts }: SiteFile,
  entries: readonly ResolvedEntry[],
  report: Report,
) {
  for (const { entry, path } of entries) {
    const { bearers } = entry.deliver
    if (bearers.length === 0) continue
    const at = [...path, 'deliver']
    const least = Math.min(...bearers.map(({ minSeconds }) => minSeconds))
    if (schedule.cron === false)
      report(
        'warning',
        at,
        `${entry.name} has bearer tokens, which the schedule renews, and schedule.cron is false — expected a run of it at least every ${formatDuration(least * 1_000)}`,
      )
    const neededMs = renewalLookMs + timeouts.globalTimeout
    if (least * 1_000 < neededMs)
      report(
        'warning',
        at,
        `a bearer token of ${entry.name} may end before the next one is there: it is renewed with ${formatDuration(least * 1_000)} left, and that takes up to ${formatDuration(renewalLookMs)} + globalTimeout ${formatDuration(timeouts.globalTimeout)} = ${formatDuration(neededMs)} — expected minSeconds of at least ${Math.ceil(neededMs / 1_000)}`,
      )
  }
}
