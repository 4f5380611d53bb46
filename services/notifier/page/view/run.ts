/** The page of one run, and a run as one mark in a row of them. Pure. */
import type { RunStatus } from '../../ledger/answer-status.ts'
import type { LedgerRow, LedgerRun, TargetRow } from '../../ledger/ledger.ts'
import { totalsOf } from '../../ledger/ledger.ts'
import { type Problem, problemOf } from './place.ts'
import { shortName } from './turn.ts'
import { ago, exact } from './words.ts'

type Ended = TargetRow['state']

export interface RunCell {
  readonly kind: 'token' | 'node' | 'credd'
  readonly name: string
  readonly short: string
  readonly state: Ended
  readonly word: string
  readonly after: string
}

export interface RunView {
  readonly run: string
  readonly started: { readonly exact: string; readonly words: string; readonly iso: string }
  readonly state: Ended
  /** `12 done, 1 failed in 34.1 s`. */
  readonly total: string
  readonly rows: readonly { readonly entry: string; readonly cells: readonly RunCell[] }[]
  readonly failures: readonly (Problem & { readonly entry: string; readonly where: string })[]
}

export const runView = (status: RunStatus, now: number): RunView => ({
  run: status.run,
  started: {
    exact: exact(status.started),
    words: ago(status.started, now),
    iso: new Date(status.started).toISOString(),
  },
  state: worstEnd({ ...status.totals, waiting: status.waiting }),
  total: totalWords(status),
  rows: status.entries.map((row) => ({ entry: row.entry, cells: cellsOf(row, status.started) })),
  failures: status.entries.flatMap(failuresOf),
})

const cellsOf = ({ refresh, targets }: LedgerRow, started: string): RunCell[] => {
  const cell = (kind: RunCell['kind'], name: string, one: Pick<TargetRow, 'state' | 'at' | 'code'>) => ({
    ...{ kind, name, short: kind === 'token' ? 'token' : shortName(name), state: one.state },
    word: one.state === 'failed' ? (one.code ?? 'failed') : one.state,
    after: one.state === 'waiting' ? '' : after(one.at, started),
  })
  return [cell('token', '', refresh), ...targets.map((one) => cell(one.kind, one.name, one))]
}

const after = (at: string, started: string) =>
  `${Math.max(0, (Date.parse(at) - Date.parse(started)) / 1_000).toFixed(1)} s`

/** One for each thing that failed: an entry without a token once, not once for each target. */
function failuresOf({ entry, refresh, targets }: LedgerRow): RunView['failures'] {
  const lost = targets.filter(({ cause }) => cause === 'refresh').map(({ name }) => shortName(name))
  const told = ({ code = 'unexpected', message = '', action = '' }: Partial<TargetRow>) =>
    problemOf({ code, message, action })
  return [
    ...(refresh.state === 'failed'
      ? [{ entry, where: lost.length > 0 ? `no token for ${lost.join(', ')}` : 'no token', ...told(refresh) }]
      : []),
    ...targets
      .filter(({ state, cause }) => state === 'failed' && cause === undefined)
      .map((target) => ({ entry, where: `${target.kind} ${shortName(target.name)}`, ...told(target) })),
  ]
}

type Tally = Readonly<Record<Ended, number>>

function totalWords({ totals, waiting, started, finished }: RunStatus): string {
  const time = finished ? `, in ${after(finished, started)}` : ', not finished yet'
  return `${tallyWords({ ...totals, waiting })}${time}`
}

const tallyWords = (tally: Tally) => {
  const parts = Object.entries(tally).filter(([state, count]) => count > 0 || state === 'done')
  return parts.map(([state, count]) => `${count} ${state}`).join(', ')
}

/** The worst that a run has come to. */
const worstEnd = (tally: Tally): Ended =>
  (['waiting', 'failed', 'unfinished', 'done', 'superseded'] as const).find((state) => tally[state] > 0) ??
  'done'

/** A run in a strip of them. */
export interface RunMark {
  readonly run: string
  readonly state: Ended
  readonly words: string
}

/** How a run went for some of its entries. */
export function markOf(run: LedgerRun, rows: readonly LedgerRow[]): RunMark {
  const waiting = rows
    .flatMap(({ refresh, targets }) => [refresh, ...targets])
    .filter(({ state }) => state === 'waiting').length
  const tally = { ...totalsOf(rows), waiting }
  return { run: run.run, state: worstEnd(tally), words: `${exact(run.started)}: ${tallyWords(tally)}` }
}
