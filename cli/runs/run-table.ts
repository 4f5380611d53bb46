/** The result of a run as people read it: entries × targets with state and time, then each failure with what to do. */
import { stripVTControlCharacters } from 'node:util'
import Table from 'cli-table3'
import type { RunStatus } from '../../services/notifier/ledger/answer-status.ts'
import type { LedgerRow, TargetRow } from '../../services/notifier/ledger/ledger.ts'
import { type View, viewOf } from '../terminal/terminal.ts'

/** Beyond this many targets a grid is hard to read however wide the screen, and a list is printed. */
const widestGrid = 8

/** The whole text, ending in the total. */
export function renderRun(status: RunStatus, view: View = viewOf(process.stdout)): string {
  const targets = columnsOf(status.entries)
  const wide = targets.length <= widestGrid ? grid(status, targets, view) : undefined
  const table = wide !== undefined && fits(wide, view) ? wide : list(status, view)
  const failures = failuresOf(status.entries, view)
  return [
    `Run ${status.run}${status.revocation ? `, a revocation: ${status.revocation.reason}` : ''}`,
    table,
    ...notesOf(status.entries),
    ...(failures.length > 0 ? ['', ...failures] : []),
    '',
    totalLine(status),
  ].join('\n')
}

const fits = (table: string, { columns }: View) =>
  stripVTControlCharacters(table.slice(0, table.indexOf('\n'))).length <= columns

/** Every target some entry has, nodes first. */
function columnsOf(rows: readonly LedgerRow[]): Pick<TargetRow, 'kind' | 'name'>[] {
  const names = (kind: TargetRow['kind']) =>
    [
      ...new Set(
        rows.flatMap(({ targets }) => targets.filter((one) => one.kind === kind).map(({ name }) => name)),
      ),
    ].sort()
  return [
    ...names('node').map((name) => ({ kind: 'node' as const, name })),
    ...names('credd').map((name) => ({ kind: 'credd' as const, name })),
  ]
}

function grid(
  { entries, started }: RunStatus,
  columns: readonly Pick<TargetRow, 'kind' | 'name'>[],
  view: View,
): string {
  const table = new Table({
    head: ['entry', 'token', ...columns.map(({ kind, name }) => `${kind}\n${short(name)}`)],
    style: { head: [], border: [] },
  })
  for (const row of entries) {
    const cells = columns.map(({ kind, name }) => {
      const target = row.targets.find((one) => one.kind === kind && one.name === name)
      return target ? cell(target, started, view) : ''
    })
    table.push([row.entry, cell(row.refresh, started, view), ...cells])
  }
  return table.toString()
}

function list({ entries, started }: RunStatus, view: View): string {
  const table = new Table({ head: ['entry', 'target', 'state', 'after'], style: { head: [], border: [] } })
  for (const { entry, refresh, targets } of entries) {
    table.push([entry, 'token', stateOf(refresh, view), after(refresh.at, started)])
    for (const target of targets)
      table.push([
        entry,
        `${target.kind} ${short(target.name)}`,
        stateOf(target, view),
        after(target.at, started),
      ])
  }
  return table.toString()
}

const short = (host: string) => host.split('.')[0] ?? host

type Ending = Pick<TargetRow, 'state' | 'code' | 'outcome'>

const cell = (one: Ending & Pick<TargetRow, 'at'>, started: string, view: View) =>
  one.state === 'waiting' ? stateOf(one, view) : `${stateOf(one, view)}\n${after(one.at, started)}`

function stateOf({ state, code, outcome }: Ending, { colours }: View): string {
  if (state === 'done') return colours.green(outcome ? outcomes[outcome] : 'done')
  if (state === 'failed') return colours.red(code ?? 'failed')
  return colours.yellow(state)
}

const outcomes = { removed: 'removed', absent: 'absent', left: 'left alone' } as const

const after = (at: string, started: string) =>
  `${((Date.parse(at) - Date.parse(started)) / 1_000).toFixed(1)} s`

/** What was left alone where tokens were taken away, and what goes on working. */
const notesOf = (rows: readonly LedgerRow[]): string[] =>
  rows.flatMap(({ entry, refresh, targets }) =>
    [refresh, ...targets].flatMap(({ outcome, warning }) =>
      outcome && warning ? `note    ${entry}: ${warning}` : [],
    ),
  )

/** One paragraph for each thing that failed: an entry without a token once, not once for each target. */
function failuresOf(rows: readonly LedgerRow[], view: View): string[] {
  return rows.flatMap((row) => {
    const { entry, refresh, targets } = row
    const lost = targets.filter(({ cause }) => cause === 'refresh').map(({ name }) => name)
    const own =
      refresh.state === 'failed' ? [paragraph(entry, lost.join(', ') || 'no token', refresh, view)] : []
    const failed = targets.filter(({ state, cause }) => state === 'failed' && cause === undefined)
    return [...own, ...failed.map((target) => paragraph(entry, target.name, target, view))]
  })
}

function paragraph(
  entry: string,
  where: string,
  why: Pick<TargetRow, 'code' | 'message' | 'action'>,
  { colours }: View,
): string {
  return `${colours.red('failed')}  ${entry} → ${where}: ${why.message ?? ''} [${why.code ?? ''}]\n        ${why.action ?? ''}`
}

function totalLine({ totals, waiting, started, finished }: RunStatus): string {
  const parts = Object.entries({ ...totals, waiting }).filter(([name, count]) => count > 0 || name === 'done')
  const time = finished ? ` in ${after(finished, started)}` : ', not finished yet'
  return `Total: ${parts.map(([name, count]) => `${count} ${name}`).join(', ')}${time}.`
}
