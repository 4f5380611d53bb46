/** Events of one entry and the row they change, for tests of the ledger. */
import type { LedgerRow, RowEvent, TargetRow } from '../../../services/notifier/ledger/ledger.ts'
import type { TokenFailed } from '../../../shared/contracts/messages.ts'
import { at, dune, ofRun, readyOf, runIds } from '../build.ts'

type Stage = TokenFailed['stage']

export const ready = (minutes: number, credds = ['c1'], run: string = runIds[0]): RowEvent => ({
  kind: 'ready',
  body: readyOf({ ...ofRun(run, minutes), credds }),
})
export const stored = (minutes: number, credd = 'c1', run: string = runIds[0]): RowEvent => ({
  kind: 'stored',
  body: { ...readyOf(ofRun(run, minutes)), credd, ready: readyOf(ofRun(run, minutes)) },
})
export const pushed = (minutes: number, node = 'n1', run: string = runIds[0]): RowEvent => ({
  kind: 'pushed',
  body: { ...ofRun(run, minutes), ...dune, node, tokenId: 'id-1', expiry: at(600) },
})
export const failed = (
  minutes: number,
  stage: Stage,
  target?: string,
  more: Partial<TokenFailed> = {},
): RowEvent => ({
  kind: 'failed',
  body: {
    ...ofRun(more.run ?? runIds[0], minutes),
    ...dune,
    stage,
    ...(target ? { target } : {}),
    code: 'unexpected',
    message: `failed at ${minutes}`,
    action: 'do something',
    permanent: true,
    ...more,
  },
})

/** A row with two nodes, all waiting. */
export const startedRow = (run: string = runIds[0]): LedgerRow => ({
  ...{ run, entry: dune.entry, service: dune.service },
  refresh: { state: 'waiting', at: at(0) },
  targets: (['n1', 'n2'] as const).map((name) => ({ kind: 'node', name, state: 'waiting', at: at(0) })),
})

/** `refresh=done n1=failed …`, in the row's order. */
export const brief = (row: LedgerRow) =>
  [`refresh=${row.refresh.state}`, ...row.targets.map(({ name, state }) => `${name}=${state}`)].join(' ')

/** What does not depend on the order of arrival: since when something waits and where it stands in the list does. */
export const settled = (row: LedgerRow) => ({
  ...row,
  targets: row.targets
    .map((target): Partial<TargetRow> => (target.state === 'waiting' ? { ...target, at: '' } : target))
    .toSorted((a, b) => `${a.kind} ${a.name}`.localeCompare(`${b.kind} ${b.name}`)),
})
