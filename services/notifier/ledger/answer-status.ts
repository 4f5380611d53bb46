/** Answers `managed-tokens.status`: how every entry and target of a run stands, a page at a time. */
import { isValid } from 'ulid'
import { cutIntoPages } from '../../../shared/bus/requests/page.ts'
import { parseRequest } from '../../../shared/bus/requests/parse-request.ts'
import { RequestError } from '../../../shared/bus/requests/serve-requests.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { type LedgerRow, type LedgerRun, totalsOf } from './ledger.ts'
import type { LedgerStore } from './ledger-store.ts'

const statusRequest = z.strictObject({
  run: z.string().optional().describe('Default: the run that started last.'),
  page: z.int().min(1).default(1),
})

export interface RunStatus {
  readonly run: string
  readonly started: string
  readonly deadline: string
  readonly finished: string | null
  readonly totals: ReturnType<typeof totalsOf>
  /** The run takes tokens away. */
  readonly revocation?: { readonly reason: string }
  /** Targets that have not ended. */
  readonly waiting: number
  readonly page: number
  readonly pages: number
  readonly entries: readonly LedgerRow[]
}

/** The ledger of one run, a page of it. Throws RequestError when there is no such run. */
export type StatusAnswer = (body: unknown) => Promise<RunStatus>

/** How long the pages of a run are kept for whoever asks for the next one (milliseconds). */
const keptMs = 20_000

/** Answers each first page anew, and the ones behind it with what was true then: whoever reads all of them sees one moment. */
export function openStatusAnswers(ledger: LedgerStore): StatusAnswer {
  let kept: { readonly run: string; readonly whole: Whole } | undefined
  let forget: NodeJS.Timeout | undefined
  return async (body) => {
    const request = parseRequest(statusRequest, body)
    const known = request.page > 1 && kept?.run === request.run?.toUpperCase() ? kept?.whole : undefined
    const whole = known ?? (await readWhole(request, ledger))
    clearTimeout(forget)
    kept = { run: whole.status.run, whole }
    forget = setTimeout(() => {
      kept = undefined
    }, keptMs).unref()
    const { status, pages } = whole
    return { ...status, page: request.page, pages: pages.length, entries: pages[request.page - 1] ?? [] }
  }
}

interface Whole {
  readonly status: RunStatus
  readonly pages: readonly (readonly LedgerRow[])[]
}

async function readWhole(request: z.output<typeof statusRequest>, ledger: LedgerStore): Promise<Whole> {
  const id = request.run?.toUpperCase() ?? (await ledger.latestRun())
  if (id === undefined)
    throw new RequestError('no-run', 'There has been no run yet: start one with managed-tokens run.')
  const run = isValid(id) ? await ledger.readRun(id) : undefined
  if (!run)
    throw new RequestError('unknown-run', `No run ${request.run ?? id} in the ledger: it keeps two weeks.`)
  const status = wholeStatus(run, await ledger.readRows(run))
  return { status: { ...status, entries: [] }, pages: cutIntoPages(status.entries) }
}

/** A run with all its rows, on one page. Pure. */
export function wholeStatus(run: LedgerRun, rows: readonly LedgerRow[]): RunStatus {
  const waiting = countWaiting(rows)
  return {
    run: run.run,
    started: run.started,
    deadline: run.deadline,
    finished: run.finished ?? (waiting === 0 ? lastEnd(rows, run.started) : null),
    totals: totalsOf(rows),
    ...(run.revocation && { revocation: run.revocation }),
    waiting,
    page: 1,
    pages: 1,
    entries: rows,
  }
}

function countWaiting(rows: readonly LedgerRow[]): number {
  const states = rows.flatMap(({ targets, refresh }) => [refresh.state, ...targets.map(({ state }) => state)])
  return states.filter((state) => state === 'waiting').length
}

/** When the last target ended: the run's end is marked a moment after that. */
function lastEnd(rows: readonly LedgerRow[], started: string): string {
  const ends = rows.flatMap(({ targets, refresh }) => [refresh.at, ...targets.map(({ at }) => at)])
  return ends.sort().at(-1) ?? started
}
