/** The end of runs: when all of it has ended, or at the deadline, since no event says that nothing more will come. */

import { inParallel } from '../../../shared/bus/in-parallel.ts'
import type { Fact } from '../../../shared/bus/publish.ts'
import { envelope } from '../../../shared/contracts/envelope.ts'
import { type RunFinished, timestamp } from '../../../shared/contracts/messages.ts'
import { runSubject } from '../../../shared/contracts/subjects.ts'
import { isWeaker } from '../../../shared/contracts/weaker-run.ts'
import { endAsIn, endWaiting, hasEnded, type LedgerRow, type LedgerRun, totalsOf } from './ledger.ts'
import type { LedgerStore } from './ledger-store.ts'

/**
 * Ends the runs whose deadline has passed, and those that ended while no notifier was there. `handledUntil`: what happened
 * before that is in the ledger; a run is not over while its events lie unheard.
 */
export async function endOverdueRuns(ledger: LedgerStore, now: Date, handledUntil: Date): Promise<Fact[]> {
  const events: Fact[] = []
  for (const run of await ledger.openRuns()) {
    const isOverdue = Date.parse(run.deadline) <= handledUntil.getTime()
    if (isOverdue) await endWhatWaits(run, ledger, timestamp(now))
    events.push(...(await finishedIfEnded(run, ledger, isOverdue)))
  }
  return events
}

async function endWhatWaits(run: LedgerRun, ledger: LedgerStore, at: string): Promise<void> {
  const waiting = (await ledger.readRows(run)).filter((row) => !hasEnded(row))
  if (waiting.length === 0) return
  const beside = (await ledger.runsBeside(run)).filter((other) => mayHaveTaken(other, run))
  const entriesOf = new Map(beside.map(({ run: other, entries }) => [other, new Set(entries)]))
  await inParallel(waiting, async ({ entry }) => {
    const others: LedgerRow[] = []
    for (const [other, entries] of entriesOf) {
      const row = entries.has(entry) ? await ledger.readRow(other, entry) : undefined
      if (row) others.push(row)
    }
    await ledger.changeRow(run.run, entry, (row) => {
      // What an older run had done before is no answer to this one.
      const since = (other: LedgerRow) => (other.run > run.run ? '' : run.started)
      const ended = others.reduce((one, other) => endAsIn(one, other, since(other), at), row)
      return endWaiting(ended, 'unfinished', at)
    })
  })
}

/** A newer run takes over what waits, and an older one keeps it where the newer does less. */
const mayHaveTaken = (other: LedgerRun, run: LedgerRun) =>
  other.run > run.run || isWeaker(run.mode, other.mode)

/** `run.finished`, where every target of the run has ended. A plan whose rest did not come is waited for until its deadline. */
export async function finishedIfEnded(
  run: LedgerRun,
  ledger: LedgerStore,
  isOverdue = false,
): Promise<Fact[]> {
  if (run.missing && !isOverdue) return []
  const rows = await ledger.endedRows(run)
  return rows ? [finishedEvent(run, rows)] : []
}

function finishedEvent({ run, started, mode, traceId, spanId }: LedgerRun, rows: readonly LedgerRow[]): Fact {
  const body: RunFinished = {
    ...envelope(),
    ...{ run, started, mode },
    totals: totalsOf(rows),
  }
  const about = { traceId, spanId }
  return { kind: 'fact', subject: runSubject('finished'), id: `${run}.finished`, body, about }
}
