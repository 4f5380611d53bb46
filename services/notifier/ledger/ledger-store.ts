/** Keeps the ledger in the bucket `runs`, one value per run and entry, by compare-and-set: replicas never lose an event. */
import type { KV } from '@nats-io/kv'
import { decodeTime } from 'ulid'
import { attempt, changeValue } from '../../../shared/bus/compare-and-set.ts'
import { inParallel } from '../../../shared/bus/in-parallel.ts'
import { readValue } from '../../../shared/bus/read-value.ts'
import { isRunId } from '../../../shared/contracts/run-id.ts'
import { ledgerKey, runKey } from '../../../shared/contracts/subjects.ts'
import { hasEnded, type LedgerRow, type LedgerRun, ledgerRow, ledgerRun } from './ledger.ts'
import { openRunList } from './open-runs.ts'

export interface LedgerStore {
  /** Runs that have not finished, oldest first, whichever notifier heard of them. */
  openRuns(): Promise<readonly LedgerRun[]>
  startRun(run: LedgerRun, rows: readonly LedgerRow[]): Promise<void>
  /** Marks the run as finished; the second time changes nothing. */
  finishRun(run: string, at: string): Promise<void>
  readRun(run: string): Promise<LedgerRun | undefined>
  /** The run that started last. */
  latestRun(): Promise<string | undefined>
  /** Those that started last, the newest first. */
  latestRuns(count: number): Promise<readonly LedgerRun[]>
  /** The other runs that were under way while this one was, or started after it; oldest first. */
  runsBeside(run: LedgerRun): Promise<readonly LedgerRun[]>
  readRow(run: string, entry: string): Promise<LedgerRow | undefined>
  readRows(run: LedgerRun): Promise<LedgerRow[]>
  /** Changes a row, and answers how it is now, if there is one; the change may be tried several times. */
  changeRow(run: string, entry: string, change: (row: LedgerRow) => LedgerRow): Promise<LedgerRow | undefined>
  /**
   * True when every row of the run has ended. Rows known to have ended are not read again until all seem to have: a late
   * token opens a row again, and another replica may have seen it.
   */
  allEnded(run: LedgerRun): Promise<boolean>
}

/** How much older a run can be that is still under way (milliseconds). */
const longestRunMs = 24 * 60 * 60_000

/** Opens the ledger, so that a notifier that was away goes on where it stopped. */
export async function openLedger(runs: KV): Promise<LedgerStore> {
  const open = await openRunList(runs, findOpenRuns)
  /** What never changes of a run, except that it finishes. */
  const heads = new Map<string, LedgerRun>()
  const ended = new Map<string, Set<string>>()

  async function findOpenRuns(): Promise<string[]> {
    const all = await inParallel(await runIds(), readRun)
    return all.flatMap((run) => (run && !run.finished ? run.run : []))
  }

  async function runIds(): Promise<string[]> {
    const ids: string[] = []
    for await (const key of await runs.keys('*')) if (isRunId(key)) ids.push(key)
    return ids.sort()
  }

  async function readRun(run: string): Promise<LedgerRun | undefined> {
    return (await readValue(runs, runKey(run), ledgerRun)).value
  }

  async function headOf(run: string): Promise<LedgerRun | undefined> {
    const head = heads.get(run) ?? (await readRun(run))
    if (head && !head.finished) heads.set(run, head)
    return head
  }

  async function readRow(run: string, entry: string): Promise<LedgerRow | undefined> {
    return (await readValue(runs, ledgerKey(run, entry), ledgerRow)).value
  }

  async function rowHasEnded(run: string, entry: string): Promise<boolean> {
    if (ended.get(run)?.has(entry)) return true
    const row = await readRow(run, entry)
    // One that somebody has overwritten will never end.
    if (row && !hasEnded(row)) return false
    ended.set(run, (ended.get(run) ?? new Set()).add(entry))
    return true
  }

  return {
    async openRuns() {
      const found = await inParallel(await open.read(), headOf)
      return found.filter((run) => run !== undefined)
    },
    readRun,
    async startRun(run, rows) {
      await inParallel(rows, (row) => createOnce(runs, ledgerKey(row.run, row.entry), row))
      await createOnce(runs, runKey(run.run), run)
      if (!(await readRun(run.run))?.finished) await open.add(run.run)
    },
    async finishRun(run, at) {
      ended.delete(run)
      heads.delete(run)
      await changeValue(runs, runKey(run), ledgerRun, (head) =>
        head && !head.finished ? { ...head, finished: at } : head,
      )
      await open.remove(run)
    },
    async latestRun() {
      return (await runIds()).at(-1)
    },
    async latestRuns(count) {
      const found = await inParallel((await runIds()).slice(-count).reverse(), readRun)
      return found.filter((run) => run !== undefined)
    },
    async runsBeside(run) {
      const oldest = decodeTime(run.run) - longestRunMs
      const near = (await runIds()).filter((id) => id !== run.run && decodeTime(id) >= oldest)
      const found = await inParallel(near, readRun)
      return found.filter((one) => one !== undefined).filter((one) => one.deadline >= run.started)
    },
    readRow,
    async readRows(run) {
      const rows = await inParallel(run.entries, (entry) => readRow(run.run, entry))
      return rows.filter((row) => row !== undefined)
    },
    changeRow: (run, entry, change) =>
      changeValue(runs, ledgerKey(run, entry), ledgerRow, (before) => before && change(before)),
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
