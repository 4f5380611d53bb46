/** What the refresher does by the clock: runs of everything, new UIDs, bearer tokens in time. */
import { ulid } from 'ulid'
import { type CronTimes, cronTimes } from '../../../shared/config/cron-times.ts'
import type { Site } from '../../../shared/config/site.ts'
import type { RunDeps } from '../start-run/run-request.ts'
import { startScheduledRun } from '../start-run/scheduled-run.ts'
import { type RefreshUidsDeps, refreshUids } from '../uids/refresh-uids.ts'
import { beginWith, keepSchedule, type ScheduleOptions } from './keep-schedule.ts'
import { renewalCron, startRenewal } from './renew-bearers.ts'

export type SchedulesDeps = RunDeps &
  RefreshUidsDeps &
  Pick<ScheduleOptions, 'targets'> & { readonly site: () => Site }

/** Each keeps its schedule until what it returns is disposed. */
export function schedules(deps: SchedulesDeps): (() => AsyncDisposable)[] {
  const { site, targets, log } = deps
  const jitterMs = () => site().schedule.jitter
  const kept: ScheduleOptions[] = [
    {
      ...{ name: 'run', targets, log, jitterMs, patienceMs: 10_000 },
      times: timesOf(() => site().schedule.cron, site),
      act: (firing) => startScheduledRun(firing, deps, log),
    },
    {
      ...{ name: 'uids', targets, log, jitterMs, patienceMs: 5 * 60_000 },
      times: timesOf(() => (site().ferry ? site().schedule.uids : false), site),
      act: async (firing) => {
        await refreshUids(await beginWith(firing, async () => ulid()), 'schedule', deps)
      },
    },
    {
      ...{ name: 'bearers', targets, log, jitterMs: () => 0, patienceMs: 10_000 },
      times: timesOf(() => renewalCron(site()), site),
      act: (firing) => startRenewal(firing, deps, log),
    },
  ]
  return kept.map((options) => () => keepSchedule(options))
}

/** What a schedule goes by now; made anew only when a reload has changed it. */
function timesOf(cron: () => string | false, site: () => Site): () => CronTimes | undefined {
  let known: { readonly of: string; readonly times: CronTimes } | undefined
  return () => {
    const expression = cron()
    if (expression === false) return undefined
    const { timeZone } = site().schedule
    const of = `${expression} ${timeZone}`
    if (known?.of !== of) known = { of, times: cronTimes(expression, timeZone) }
    return known.times
  }
}
