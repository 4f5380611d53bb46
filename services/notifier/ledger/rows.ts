/** The rows of runs in the bucket `runs`, one value per run and entry, and which of them may still be waited for. */
import type { KV } from '@nats-io/kv'
import { changeValue } from '../../../shared/bus/compare-and-set.ts'
import { inParallel } from '../../../shared/bus/in-parallel.ts'
import { readEach } from '../../../shared/bus/read-bucket.ts'
import { readValue, valueIn } from '../../../shared/bus/read-value.ts'
import { ledgerKey, ledgerKeys } from '../../../shared/contracts/subjects.ts'
import { hasEnded, type LedgerRow, type LedgerRun, ledgerRow } from './ledger.ts'

export interface Rows {
  readRow(run: string, entry: string): Promise<LedgerRow | undefined>
  readRows(run: LedgerRun): Promise<LedgerRow[]>
  /** Changes a row, and answers how it is now, if there is one; the change may be tried several times. */
  changeRow(run: string, entry: string, change: (row: LedgerRow) => LedgerRow): Promise<LedgerRow | undefined>
  /**
   * Every row of the run, once all have ended. Rows known to have ended are not read again until all seem to have: a late
   * token opens a row again, and another replica may have seen it.
   */
  endedRows(run: LedgerRun): Promise<LedgerRow[] | undefined>
  /** It has finished: nobody waits for it any more. */
  forget(run: string): void
}

/** So many are asked for one by one. */
const fewRows = 64

export function openRows(runs: KV): Rows {
  /** Which entries of a run have not ended, as far as is known here. */
  const waiting = new Map<string, Set<string>>()

  async function readRow(run: string, entry: string): Promise<LedgerRow | undefined> {
    return (await readValue(runs, ledgerKey(run, entry), ledgerRow)).value
  }

  async function readRows({ run, entries }: LedgerRun): Promise<LedgerRow[]> {
    const rows =
      entries.length > fewRows
        ? await readAll(run, entries)
        : await inParallel(entries, (entry) => readRow(run, entry))
    return rows.filter((row) => row !== undefined)
  }

  /** In one pass: asked for one by one, ten thousand take longer than an answer may. */
  async function readAll(run: string, entries: readonly string[]) {
    const found = new Map<string, LedgerRow | undefined>()
    await readEach(runs, ledgerKeys(run), (kept) => found.set(kept.key, valueIn(kept, ledgerRow)))
    return entries.map((entry) => found.get(ledgerKey(run, entry)))
  }

  async function seemsToWait({ run, entries }: LedgerRun): Promise<boolean> {
    const left = waiting.get(run) ?? new Set(entries)
    waiting.set(run, left)
    for (const entry of left) {
      const row = await readRow(run, entry)
      // One that somebody has overwritten will never end.
      if (row && !hasEnded(row)) return true
      left.delete(entry)
    }
    return false
  }

  function note(row: LedgerRow): void {
    if (hasEnded(row)) waiting.get(row.run)?.delete(row.entry)
    else waiting.get(row.run)?.add(row.entry)
  }

  return {
    readRow,
    readRows,
    async changeRow(run, entry, change) {
      const row = await changeValue(
        runs,
        ledgerKey(run, entry),
        ledgerRow,
        (before) => before && change(before),
      )
      if (row) note(row)
      return row
    },
    async endedRows(run) {
      if (await seemsToWait(run)) return undefined
      const rows = await readRows(run)
      rows.forEach(note)
      return rows.every(hasEnded) ? rows : undefined
    },
    forget: (run) => void waiting.delete(run),
  }
}
