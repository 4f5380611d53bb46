/** The last runs, and how each went for an entry: read when they are asked for, and kept until they change. */
import { inParallel } from '../../../../shared/bus/in-parallel.ts'
import type { LedgerRow, LedgerRun } from '../../ledger/ledger.ts'
import type { LedgerStore } from '../../ledger/ledger-store.ts'
import { markOf, type RunMark } from '../view/run.ts'
import type { Facts } from './facts.ts'

/** How many are shown. */
const count = 24

export interface RecentRuns extends Disposable {
  /** The newest first. */
  all(): Promise<readonly LedgerRun[]>
  /** Those that had one of the entries, each as it went for them; the newest first. */
  marksOf(entries: readonly string[]): Promise<readonly RunMark[]>
}

export function followRuns(ledger: Pick<LedgerStore, 'latestRuns' | 'readRow'>, facts: Facts): RecentRuns {
  let heads: Promise<readonly LedgerRun[]> | undefined
  const rows = new Map<string, Promise<LedgerRow | undefined>>()
  const keyOf = (run: string, entry: string) => `${run}.${entry}`
  const following = facts.onChange((change) => {
    if (change.kind !== 'run') return
    if (change.row !== undefined) rows.delete(keyOf(change.run, change.row))
    else heads = undefined
  })

  /** What could not be read is asked for again. */
  function all(): Promise<readonly LedgerRun[]> {
    heads ??= ledger.latestRuns(count).then(forgetOthers)
    heads.catch(() => {
      heads = undefined
    })
    return heads
  }

  function forgetOthers(runs: readonly LedgerRun[]): readonly LedgerRun[] {
    const shown = new Set(runs.map(({ run }) => run))
    for (const key of rows.keys()) if (!shown.has(key.split('.')[0] ?? '')) rows.delete(key)
    return runs
  }

  function rowOf(run: string, entry: string): Promise<LedgerRow | undefined> {
    const key = keyOf(run, entry)
    const reading = rows.get(key) ?? ledger.readRow(run, entry)
    rows.set(key, reading)
    reading.catch(() => rows.delete(key))
    return reading
  }

  return {
    all,
    async marksOf(entries) {
      const wanted = new Set(entries)
      const shown = (await all()).map((run) => ({
        run,
        entries: run.entries.filter((entry) => wanted.has(entry)),
      }))
      const marks = await inParallel(shown, async ({ run, entries: its }) => {
        const found = await Promise.all(its.map((entry) => rowOf(run.run, entry)))
        return markOf(
          run,
          found.filter((row) => row !== undefined),
        )
      })
      return marks.filter((_, index) => (shown[index]?.entries.length ?? 0) > 0)
    },
    [Symbol.dispose]: () => following[Symbol.dispose](),
  }
}
