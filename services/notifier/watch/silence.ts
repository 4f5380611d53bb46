/** Decides when it is too long since a run has finished, and when that is over. Pure. */
import type { Site } from '../../../shared/config/site.ts'
import { time } from '../../../shared/contracts/messages.ts'
import { z } from '../../../shared/contracts/zod.ts'
import type { LedgerRow, LedgerRun } from '../ledger/ledger.ts'

/** The value of the key `silence` in the bucket `failures`. */
export const heardFrom = z.object({
  /** When the last run finished that counts; before the first one, when a notifier first looked. */
  finished: time,
  /** When people were told of the silence since then. */
  toldAt: time.optional(),
})
export type HeardFrom = z.infer<typeof heardFrom>

/**
 * True for a run that shows that all is going on: of every entry, on nodes too, and something of it was tried. A test or a run
 * of some services can be started by hand while the schedule is dead.
 */
export function breaksSilence(
  run: LedgerRun,
  rows: readonly LedgerRow[],
  { entries }: Pick<Site, 'entries'>,
): boolean {
  const inRun = new Set(run.entries)
  const isFull = run.mode.push && entries.every(({ name }) => inRun.has(name))
  return isFull && rows.some(({ refresh }) => refresh.state === 'done' || refresh.state === 'failed')
}

/** True when nothing has finished for twice the schedule's period (milliseconds); never while the schedule is off. */
export function isSilent({ finished }: HeardFrom, periodMs: number | undefined, now: Date): boolean {
  return periodMs !== undefined && now.getTime() - Date.parse(finished) > 2 * periodMs
}
