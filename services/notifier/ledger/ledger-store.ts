/** Keeps the ledger in the bucket `runs`, one value per run and entry, by compare-and-set: replicas never lose an event. */
import type { KV } from '@nats-io/kv'
import { decodeTime } from 'ulid'
import { attempt, changeValue } from '../../../shared/bus/compare-and-set.ts'
import { inParallel } from '../../../shared/bus/in-parallel.ts'
import { listKeys, readBucket } from '../../../shared/bus/read-bucket.ts'
import { readValue, valueIn } from '../../../shared/bus/read-value.ts'
import { isRunId, runId } from '../../../shared/contracts/run-id.ts'
import { ledgerKey, runKey, tokenKey } from '../../../shared/contracts/subjects.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { type LedgerRow, type LedgerRun, ledgerRow, ledgerRun, withPart } from './ledger.ts'
import { openRunList } from './open-runs.ts'
import { openRows, type Rows } from './rows.ts'

export interface LedgerStore extends Omit<Rows, 'forget'> {
  /** Runs that have not finished, oldest first, whichever notifier heard of them. */
  openRuns(): Promise<readonly LedgerRun[]>
  /** Answers how the run is now. Of one whose plan comes in parts this is called for each. */
  addRun(run: LedgerRun, rows: readonly LedgerRow[]): Promise<LedgerRun>
  /** Marks the run as finished; the second time changes nothing. */
  endRun(run: string, at: string, totals?: LedgerRun['totals']): Promise<void>
  /** Keeps whose a token is, for whoever finds one. */
  noteToken(tokenId: string, whose: NotedToken): Promise<void>
  findToken(tokenId: string): Promise<NotedToken | undefined>
  /** The ids of all runs, the oldest first. */
  runIds(): Promise<readonly string[]>
  /** Every row of an entry, whichever run it is of, the newest run first. */
  rowsOf(entry: string): Promise<readonly LedgerRow[]>
  readRun(run: string): Promise<LedgerRun | undefined>
  /** The run that started last. */
  latestRun(): Promise<string | undefined>
  /** Those that started last, the newest first. */
  latestRuns(count: number): Promise<readonly LedgerRun[]>
  /** The other runs that were under way while this one was, or started after it; oldest first. */
  runsBeside(run: LedgerRun): Promise<readonly LedgerRun[]>
}

/** Whose a token was. */
export const notedToken = z.object({ run: runId, entry: z.string() })
export type NotedToken = z.infer<typeof notedToken>

/** How much older a run can be that is still under way (milliseconds). */
const longestRunMs = 24 * 60 * 60_000

/** Opens the ledger, so that a notifier that was away goes on where it stopped. */
export async function openLedger(runs: KV): Promise<LedgerStore> {
  const open = await openRunList(runs, findOpenRuns)
  /** What never changes of a run, except that it finishes. */
  const heads = new Map<string, LedgerRun>()
  const rows = openRows(runs)

  async function findOpenRuns(): Promise<string[]> {
    const all = await inParallel(await runIds(), readRun)
    return all.flatMap((run) => (run && !run.finished ? run.run : []))
  }

  async function runIds(): Promise<string[]> {
    return [...(await listKeys(runs, '*'))].filter(isRunId).sort()
  }

  async function readRun(run: string): Promise<LedgerRun | undefined> {
    return (await readValue(runs, runKey(run), ledgerRun)).value
  }

  async function headOf(run: string): Promise<LedgerRun | undefined> {
    const head = heads.get(run) ?? (await readRun(run))
    if (head && !head.finished && !head.missing) heads.set(run, head)
    return head
  }

  return {
    async openRuns() {
      const found = await inParallel(await open.read(), headOf)
      return found.filter((run) => run !== undefined)
    },
    ...rows,
    readRun,
    async addRun(run, begun) {
      await inParallel(begun, (row) => createOnce(runs, ledgerKey(row.run, row.entry), row))
      const now = await changeValue(runs, runKey(run.run), ledgerRun, (before) => withPart(before, run))
      if (!now?.finished) await open.add(run.run)
      return now ?? run
    },
    async endRun(run, at, totals) {
      rows.forget(run)
      heads.delete(run)
      await changeValue(runs, runKey(run), ledgerRun, (head) =>
        head && !head.finished ? { ...head, finished: at, ...(totals && { totals }) } : head,
      )
      await open.remove(run)
    },
    async noteToken(tokenId, whose) {
      await runs.put(tokenKey(tokenId), JSON.stringify(whose))
    },
    async findToken(tokenId) {
      return (await readValue(runs, tokenKey(tokenId), notedToken)).value
    },
    runIds,
    async rowsOf(entry) {
      const found = await readBucket(runs, ledgerKey('*', entry))
      const rows = [...found.values()].flatMap((one) => valueIn(one, ledgerRow) ?? [])
      return rows.sort((a, b) => (a.run > b.run ? -1 : 1))
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
  }
}

async function createOnce(kv: KV, key: string, value: object): Promise<void> {
  await attempt(() => kv.create(key, JSON.stringify(value)))
}
