/** `managed-tokens runs`, `history` and `where`: what happened, from the ledger. */
import Table from 'cli-table3'
import type {
  HistoryAnswer,
  RunOfHistory,
  RunsAnswer,
  TokenOfHistory,
  WhereAnswer,
} from '../services/notifier/ledger/answer-history.ts'
import type { Bus } from '../shared/bus/connect.ts'
import { requests } from '../shared/contracts/subjects.ts'
import { serviceName } from './arguments/find-service.ts'
import { ask, connectOperator } from './bus/connection.ts'
import type { ConnectionOptions } from './bus/way-to-bus.ts'

interface HistoryOptions extends ConnectionOptions {
  readonly json?: boolean
  readonly node?: string
}

const print = (text: string) => void process.stdout.write(`${text}\n`)

/** Every page of what `read` takes out of an answer. */
async function allPages<A extends { readonly pages: number }, T>(
  bus: Bus,
  body: object,
  read: (answer: A) => readonly T[],
): Promise<T[]> {
  const all: T[] = []
  for (let page = 1, pages = 1; page <= pages; page += 1) {
    const answer = await ask<A>(bus, requests.history, { ...body, page })
    all.push(...read(answer))
    pages = answer.pages
  }
  return all
}

/** Who asked for which run, when, and what came of it. */
export async function runs(options: HistoryOptions): Promise<number> {
  await using bus = await connectOperator(options)
  const all = await allPages<RunsAnswer, RunOfHistory>(bus, {}, (answer) => answer.runs)
  print(options.json ? JSON.stringify({ runs: all }) : renderRuns(all))
  return 0
}

/** Pure. */
export function renderRuns(all: readonly RunOfHistory[]): string {
  if (all.length === 0) return 'There has been no run yet.'
  const table = new Table({
    head: ['run', 'started', 'asked for by', 'entries', 'what came of it'],
    style: { head: [], border: [] },
  })
  for (const run of all)
    table.push([run.run, run.started, describeAsker(run), run.entries.length, describeRunEnd(run)])
  return table.toString()
}

function describeAsker({ by, trigger }: RunOfHistory): string {
  if (by) return `${by.person} on ${by.host} (${by.user})`
  return trigger === 'schedule' ? 'the schedule' : 'somebody'
}

function describeRunEnd({ finished, totals, revocation, mode }: RunOfHistory): string {
  const what = revocation ? `revocation (${revocation.reason}): ` : mode.push ? '' : 'test: '
  if (!finished) return `${what}not finished`
  const counts = Object.entries(totals ?? {}).filter(([, count]) => count > 0)
  return `${what}${counts.map(([name, count]) => `${count} ${name}`).join(', ') || 'finished'}`
}

/** Each token of a service: its id, when it was made, where it went, when it ends. */
export async function history(service: string, options: HistoryOptions): Promise<number> {
  await using bus = await connectOperator(options)
  const body = { service: serviceName(service), ...(options.node !== undefined && { node: options.node }) }
  const tokens = await allPages<HistoryAnswer, TokenOfHistory>(bus, body, (answer) => answer.tokens)
  print(options.json ? JSON.stringify({ tokens }) : tokens.map(renderToken).join('\n'))
  return 0
}

/** Pure. */
export function renderToken({ run, entry, removes, made, places }: TokenOfHistory): string {
  const head = removes
    ? `${made.at}  ${entry}  revoked in run ${run}`
    : made.tokenId === undefined
      ? `${made.at}  ${entry}  no token in run ${run}: ${made.message ?? made.state}`
      : `${made.at}  ${entry}  token ${made.tokenId}${made.reused ? ', kept from before,' : ''} in run ${run}, good until ${made.expiry}`
  return [head, ...places.map((place) => `  ${renderPlace(place)}`)].join('\n')
}

function renderPlace({
  at,
  kind,
  name,
  state,
  outcome,
  code,
  tokenId,
}: WhereAnswer['nodes'][number] | TokenOfHistory['places'][number]): string {
  const how =
    state === 'done'
      ? (outcome ?? (kind === 'node' ? 'put there' : 'stored'))
      : `${state}${code ? ` ${code}` : ''}`
  return `${at}  ${kind} ${name}: ${how}${tokenId ? ` (${tokenId})` : ''}`
}

/** Every place that a token was put. */
export async function where(tokenId: string, options: HistoryOptions): Promise<number> {
  await using bus = await connectOperator(options)
  const answer = await ask<WhereAnswer>(bus, requests.history, { tokenId })
  print(options.json ? JSON.stringify(answer) : renderWhere(answer))
  return 0
}

/** Pure. */
export function renderWhere({ tokenId, made, nodes, credds }: WhereAnswer): string {
  const { service, run, made: refresh } = made
  return [
    `${tokenId} is a token of ${service}, made ${refresh.at} in run ${run}, good until ${refresh.expiry ?? '?'}.`,
    ...(nodes.length === 0 ? ['It was put on no node.'] : nodes.map((node) => `  ${renderPlace(node)}`)),
    ...credds.map((credd) => `  ${renderPlace(credd)}: a vault token of its own`),
    `To take everything of it away: managed-tokens revoke ${service} --reason TEXT`,
  ].join('\n')
}
