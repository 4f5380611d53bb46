/** When a cron expression comes due, in its time zone: croner evaluates, nothing is timed here. */
import { Cron } from 'croner'

/** The due times around a moment (milliseconds since the epoch). */
export interface DueTimes {
  /** The one before `last`. */
  readonly before: number
  /** At the moment or before it. */
  readonly last: number
  /** After the moment. */
  readonly next: number
}

/** The due times around `now`; undefined for a time of year that never comes. */
export type CronTimes = (now: number) => DueTimes | undefined

/** Throws when the expression is wrong: configurations are checked before they come here. */
export function cronTimes(expression: string, timeZone: string): CronTimes {
  const cron = new Cron(expression, { mode: '5-part', sloppyRanges: true, timezone: timeZone })
  let around: DueTimes | undefined
  return (now) => {
    if (around && around.last <= now && now < around.next) return around
    // `previousRuns` means strictly before.
    const [last, before] = cron.previousRuns(2, new Date(now + 1))
    const next = cron.nextRun(new Date(now))
    around =
      before && last && next
        ? { before: before.getTime(), last: last.getTime(), next: next.getTime() }
        : undefined
    return around
  }
}
