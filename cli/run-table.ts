/** The result of a run as people read it: entries × targets with state and time, then each failure with what to do. Pure. */
import Table from 'cli-table3'
import pc from 'picocolors'
import type { LedgerRow, TargetRow } from '../services/notifier/ledger.ts'
import type { RunStatus } from '../services/notifier/status-request.ts'

/** Beyond this many targets a grid is wider than a screen, and a list is printed. */
const widestGrid = 6

/** The whole text, ending in the total. */
export function renderRun(status: RunStatus): string {
  const targets = columnsOf(status.entries)
  const table = targets.length <= widestGrid ? grid(status, targets) : list(status)
  const failures = failuresOf(status.entries)
  return [
    `Run ${status.run}`,
    table,
    ...(failures.length > 0 ? ['', ...failures] : []),
    '',
    totalLine(status),
  ].join('\n')
}

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

function grid({ entries, started }: RunStatus, columns: readonly Pick<TargetRow, 'kind' | 'name'>[]): string {
  const table = new Table({
    head: ['entry', 'token', ...columns.map(({ kind, name }) => `${kind}\n${name.split('.')[0]}`)],
    style: { head: [], border: [] },
  })
  for (const row of entries) {
    const cells = columns.map(({ kind, name }) => {
      const target = row.targets.find((one) => one.kind === kind && one.name === name)
      return target ? cell(target, started) : ''
    })
    table.push([row.entry, cell(row.refresh, started), ...cells])
  }
  return table.toString()
}

function list({ entries, started }: RunStatus): string {
  const table = new Table({ head: ['entry', 'target', 'state', 'after'], style: { head: [], border: [] } })
  for (const { entry, refresh, targets } of entries) {
    table.push([entry, 'token', stateOf(refresh), after(refresh.at, started)])
    for (const target of targets)
      table.push([entry, `${target.kind} ${target.name}`, stateOf(target), after(target.at, started)])
  }
  return table.toString()
}

const cell = (one: { state: TargetRow['state']; code?: string | undefined; at: string }, started: string) =>
  one.state === 'waiting' ? stateOf(one) : `${stateOf(one)}\n${after(one.at, started)}`

function stateOf({ state, code }: { state: TargetRow['state']; code?: string | undefined }): string {
  if (state === 'done') return pc.green('done')
  if (state === 'failed') return pc.red(code ?? 'failed')
  return pc.yellow(state)
}

const after = (at: string, started: string) =>
  `${((Date.parse(at) - Date.parse(started)) / 1_000).toFixed(1)} s`

/** One paragraph for each thing that failed: an entry without a token once, not once for each target. */
function failuresOf(rows: readonly LedgerRow[]): string[] {
  return rows.flatMap((row) => {
    const { entry, refresh, targets } = row
    const lost = targets.filter(({ cause }) => cause === 'refresh').map(({ name }) => name)
    const own = refresh.state === 'failed' ? [paragraph(entry, lost.join(', ') || 'no token', refresh)] : []
    const failed = targets.filter(({ state, cause }) => state === 'failed' && cause === undefined)
    return [...own, ...failed.map((target) => paragraph(entry, target.name, target))]
  })
}

function paragraph(
  entry: string,
  where: string,
  why: { code?: string | undefined; message?: string | undefined; action?: string | undefined },
): string {
  return `${pc.red('failed')}  ${entry} → ${where}: ${why.message ?? ''} [${why.code ?? ''}]\n        ${why.action ?? ''}`
}

function totalLine({ totals, waiting, started, finished }: RunStatus): string {
  const parts = Object.entries({ ...totals, waiting }).filter(([name, count]) => count > 0 || name === 'done')
  const time = finished ? ` in ${after(finished, started)}` : ', not finished yet'
  return `Total: ${parts.map(([name, count]) => `${count} ${name}`).join(', ')}${time}.`
}
