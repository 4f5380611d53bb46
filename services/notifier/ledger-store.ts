/** Keeps the ledger in the bucket `runs`, one value per run and entry, by compare-and-set: replicas never lose an event. */
import type { KV } from '@nats-io/kv'
import { attempt } from '../../shared/compare-and-set.ts'
import { latestRunKey, ledgerKey, runKey } from '../../shared/subjects.ts'
import { hasEnded, type LedgerRow, type LedgerRun, ledgerRow, ledgerRun } from './ledger.ts'

export interface LedgerStore {
  /** Runs that have not finished, oldest first. */
  openRuns(): readonly LedgerRun[]
  startRun(run: LedgerRun, rows: readonly LedgerRow[]): Promise<void>
  /** Marks the run as finished; the second time changes nothing. */
  finishRun(run: string, at: string): Promise<void>
  readRun(run: string): Promise<LedgerRun | undefined>
  /** The run that started last. */
  latestRun(): Promise<string | undefined>
  readRows(run: LedgerRun): Promise<LedgerRow[]>
  /** Changes a row, and is false when there is none; the change may be tried several times. */
  changeRow(run: string, entry: string, change: (row: LedgerRow) => LedgerRow): Promise<boolean>
  /**
   * True when every row of the run has ended. Rows known to have ended are not read again until all seem to have: a late
   * token opens a row again, and another replica may have seen it.
   */
  allEnded(run: LedgerRun): Promise<boolean>
}

/** Reads the open runs, so that a notifier that was away goes on where it stopped. */
export async function openLedger(runs: KV): Promise<LedgerStore> {
  const open = new Map<string, LedgerRun>()
  const ended = new Map<string, Set<string>>()
  for await (const key of await runs.keys('*')) {
    const run = key === latestRunKey ? undefined : await readRun(key)
    if (run && !run.finished) open.set(run.run, run)
  }

  async function readRun(run: string): Promise<LedgerRun | undefined> {
    const found = await runs.get(runKey(run))
    return found?.operation === 'PUT' ? ledgerRun.parse(found.json()) : undefined
  }

  async function readRow(run: string, entry: string) {
    const found = await runs.get(ledgerKey(run, entry))
    return found?.operation === 'PUT'
      ? { row: ledgerRow.parse(found.json()), revision: found.revision }
      : undefined
  }

  async function rowHasEnded(run: string, entry: string): Promise<boolean> {
    if (ended.get(run)?.has(entry)) return true
    const found = await readRow(run, entry)
    if (!found || !hasEnded(found.row)) return false
    ended.set(run, (ended.get(run) ?? new Set()).add(entry))
    return true
  }

  return {
    openRuns: () => [...open.values()].sort((a, b) => (a.run < b.run ? -1 : 1)),
    readRun,
    async startRun(run, rows) {
      for (const row of rows) await createOnce(runs, ledgerKey(row.run, row.entry), row)
      await createOnce(runs, runKey(run.run), run)
      const stored = (await readRun(run.run)) ?? run
      if (!stored.finished) open.set(run.run, stored)
    },
    async finishRun(run, at) {
      open.delete(run)
      ended.delete(run)
      for (;;) {
        const found = await runs.get(runKey(run))
        if (found?.operation !== 'PUT') return
        const before = ledgerRun.parse(found.json())
        if (before.finished) return
        const finished = JSON.stringify({ ...before, finished: at })
        if ((await attempt(() => runs.update(runKey(run), finished, found.revision))) !== undefined) return
      }
    },
    async latestRun() {
      const started: string[] = []
      for await (const key of await runs.keys('*')) if (key !== latestRunKey) started.push(key)
      return started.sort().at(-1)
    },
    async readRows(run) {
      const rows = await Promise.all(run.entries.map((entry) => readRow(run.run, entry)))
      return rows.flatMap((found) => (found ? [found.row] : []))
    },
    async changeRow(run, entry, change) {
      for (;;) {
        const found = await readRow(run, entry)
        if (!found) return false
        const next = change(found.row)
        if (next === found.row) return true
        const value = JSON.stringify(next)
        if ((await attempt(() => runs.update(ledgerKey(run, entry), value, found.revision))) !== undefined)
          return true
      }
    },
    async allEnded(run) {
      for (const entry of run.entries) if (!(await rowHasEnded(run.run, entry))) return false
      ended.delete(run.run)
      for (const entry of run.entries) if (!(await rowHasEnded(run.run, entry))) return false
      return true
    },
  }
}

async function createOnce(kv: KV, key: string, value: object): Promise<void> {
  await attempt(() => kv.create(key, JSON.stringify(value)))
}
