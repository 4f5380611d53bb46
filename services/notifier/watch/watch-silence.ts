/** Watches that runs finish: no event says that none does. What it knows is kept, so that a restart forgets nothing. */
import type { KV } from '@nats-io/kv'
import { writeAt } from '../../../shared/bus/compare-and-set.ts'
import { readValue } from '../../../shared/bus/read-value.ts'
import { formatDuration } from '../../../shared/config/schema/duration.ts'
import type { Site } from '../../../shared/config/site.ts'
import { encodeToken, silenceKey } from '../../../shared/contracts/subjects.ts'
import type { LedgerRow, LedgerRun } from '../ledger/ledger.ts'
import type { News } from '../news/news.ts'
import type { NewsKeeper } from '../news/news-store.ts'
import { schedulePeriodMs } from './schedule-period.ts'
import { breaksSilence, type HeardFrom, heardFrom, isSilent } from './silence.ts'

export interface SilenceDeps {
  readonly site: () => Site
  readonly news: NewsKeeper
  readonly failures: KV
}

/** Notes that a run has finished; where people were told of the silence, they are told that it is over. */
export async function breakSilence(
  run: LedgerRun,
  rows: readonly LedgerRow[],
  at: string,
  { site, news, failures }: SilenceDeps,
): Promise<void> {
  if (!breaksSilence(run, rows, site())) return
  const { value, revision } = await read(failures, at)
  if (value.finished >= at) return
  if (value.toldAt)
    await news.add(`${run.run}.silence`, [
      { ...nothingElse, kind: 'recovered', ends: ['silence'], run: run.run, at, since: value.finished },
    ])
  // Another notifier may have noted a later one.
  await writeAt(failures, silenceKey, JSON.stringify({ finished: at } satisfies HeardFrom), revision)
}

/**
 * A look at the clock, which tells of a silence once. `isSettled` says whether it has been seen for so long that a run started
 * by whatever woke this machine would have finished.
 */
export async function watchSilence(
  { site, news, failures }: SilenceDeps,
  now: Date,
  lastRun: () => Promise<string>,
  isSettled: (isSilent: boolean) => boolean,
): Promise<void> {
  const { value, revision } = await read(failures, now.toISOString())
  const periodMs = schedulePeriodMs(site(), now)
  const silent = isSilent(value, periodMs, now)
  const settled = isSettled(silent)
  if (!silent || !settled || value.toldAt) return
  const at = now.toISOString()
  await news.add(`silence.${encodeToken(value.finished)}`, [
    {
      ...{ ...nothingElse, kind: 'silence', run: await lastRun(), at, since: value.finished },
      message: `A run of all services is due every ${formatDuration(periodMs ?? 0)}.`,
      action: 'Look whether the refresher runs and what its log says; managed-tokens doctor checks the rest.',
    },
  ])
  await writeAt(failures, silenceKey, JSON.stringify({ ...value, toldAt: at }), revision)
}

const nothingElse: Pick<News, 'isTest' | 'message' | 'action'> = { isTest: false, message: '', action: '' }

/** The clock starts when a notifier looks for the first time. */
async function read(failures: KV, now: string): Promise<{ value: HeardFrom; revision: number }> {
  for (;;) {
    const { value: known, revision: last } = await readValue(failures, silenceKey, heardFrom)
    if (known) return { value: known, revision: last }
    const value: HeardFrom = { finished: now }
    const revision = await writeAt(failures, silenceKey, JSON.stringify(value), last)
    if (revision !== undefined) return { value, revision }
  }
}
