/** Answers `managed-tokens.history` from the ledger: the runs, the tokens of a service, or where one token was put. */
import { cutIntoPages } from '../../../shared/bus/requests/page.ts'
import { parseRequest } from '../../../shared/bus/requests/parse-request.ts'
import { RequestError } from '../../../shared/bus/requests/serve-requests.ts'
import type { Site } from '../../../shared/config/site.ts'
import { z } from '../../../shared/contracts/zod.ts'
import type { LedgerRow, LedgerRun, TargetRow } from './ledger.ts'
import type { LedgerStore } from './ledger-store.ts'

const name = z.string().min(1).max(200)
const historyRequest = z.strictObject({
  service: name.optional().describe('A service or an entry: its tokens.'),
  node: name.optional().describe('Only what went there.'),
  tokenId: name.optional().describe('Where this token was put.'),
  page: z.int().min(1).default(1),
})

interface Paged {
  readonly page: number
  readonly pages: number
}

export type RunOfHistory = Omit<LedgerRun, 'traceId' | 'spanId'>

export interface RunsAnswer extends Paged {
  /** The newest first. */
  readonly runs: readonly RunOfHistory[]
}

/** One token, or what was taken away. */
export interface TokenOfHistory {
  readonly run: string
  readonly entry: string
  readonly service: string
  readonly removes: boolean
  readonly made: LedgerRow['refresh']
  readonly places: readonly TargetRow[]
}

export interface HistoryAnswer extends Paged {
  readonly tokens: readonly TokenOfHistory[]
}

export interface WhereAnswer {
  readonly tokenId: string
  readonly made: TokenOfHistory
  /** Every node that has had it, in whichever run. */
  readonly nodes: readonly (TargetRow & { readonly run: string })[]
  /** They have got vault tokens of their own in that run. */
  readonly credds: readonly TargetRow[]
}

/** So many runs are read for one page. */
const runsOnPage = 100

/** Throws RequestError for a body that is none of ours, and for what the ledger does not know. */
export async function readHistory(
  body: unknown,
  ledger: Pick<LedgerStore, 'runIds' | 'readRun' | 'readRow' | 'rowsOf' | 'findToken'>,
  site: () => Pick<Site, 'entries'>,
): Promise<RunsAnswer | HistoryAnswer | WhereAnswer> {
  const { service, node, tokenId, page } = parseRequest(historyRequest, body)
  if (tokenId !== undefined) return readWhere(tokenId, ledger)
  if (service !== undefined) return readTokens(service.toLowerCase(), node, page, ledger, site())
  return readRuns(page, ledger)
}

async function readRuns(page: number, ledger: Pick<LedgerStore, 'runIds' | 'readRun'>): Promise<RunsAnswer> {
  const ids = (await ledger.runIds()).toReversed()
  const some = ids.slice((page - 1) * runsOnPage, page * runsOnPage)
  const found = await Promise.all(some.map((id) => ledger.readRun(id)))
  const runs = found.flatMap((run) => {
    if (!run) return []
    const { traceId: _, spanId: __, ...told } = run
    return told
  })
  return { runs, page, pages: Math.max(1, Math.ceil(ids.length / runsOnPage)) }
}

async function readTokens(
  wanted: string,
  node: string | undefined,
  page: number,
  ledger: Pick<LedgerStore, 'rowsOf'>,
  { entries }: Pick<Site, 'entries'>,
): Promise<HistoryAnswer> {
  const named = entries.filter(({ name: entry, service }) => entry === wanted || service === wanted)
  // One that has left the configuration has its own name in the ledger.
  const names = named.length > 0 ? named.map(({ name: entry }) => entry) : [wanted]
  const rows = (await Promise.all(names.map((entry) => ledger.rowsOf(entry)))).flat()
  if (rows.length === 0)
    throw new RequestError('unknown-service', `The ledger knows nothing of ${wanted}: it keeps two weeks.`)
  const tokens = rows
    .toSorted((a, b) => (a.run > b.run ? -1 : 1))
    .map((row) => tokenOf(row, node))
    .filter(({ places }) => node === undefined || places.length > 0)
  const pages = cutIntoPages(tokens)
  return { tokens: pages[page - 1] ?? [], page, pages: pages.length }
}

function tokenOf(
  { run, entry, service, refresh, targets, removes }: LedgerRow,
  node?: string,
): TokenOfHistory {
  const isWanted = (target: TargetRow) =>
    node === undefined ||
    (target.kind === 'node' && (target.name === node || target.name.startsWith(`${node}.`)))
  return { run, entry, service, removes: removes ?? false, made: refresh, places: targets.filter(isWanted) }
}

async function readWhere(
  tokenId: string,
  ledger: Pick<LedgerStore, 'findToken' | 'readRow' | 'rowsOf'>,
): Promise<WhereAnswer> {
  const noted = await ledger.findToken(tokenId)
  const row = noted && (await ledger.readRow(noted.run, noted.entry))
  if (!row)
    throw new RequestError('unknown-token', `The ledger knows no token ${tokenId}: it keeps two weeks.`)
  const nodes = (await ledger.rowsOf(row.entry)).flatMap(({ run, targets }) =>
    targets.filter((one) => one.tokenId === tokenId).map((one) => ({ ...one, run })),
  )
  const credds = row.targets.filter(({ kind, state }) => kind === 'credd' && state === 'done')
  return { tokenId, made: tokenOf(row), nodes, credds }
}
