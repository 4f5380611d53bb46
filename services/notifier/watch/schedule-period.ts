/** How far the schedule's runs lie apart. */

import { cronTimes } from '../../../shared/config/cron-times.ts'
import type { Site } from '../../../shared/config/site.ts'

/** The longer of the last and the next interval (milliseconds); undefined where the schedule is off. */
export function schedulePeriodMs({ schedule }: Pick<Site, 'schedule'>, now: Date): number | undefined {
  if (schedule.cron === false) return undefined
  const around = cronTimes(schedule.cron, schedule.timeZone)(now.getTime())
  return around && Math.max(around.next - around.last, around.last - around.before)
}
