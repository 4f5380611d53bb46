/** What the ledger says is wrong with a target that is still being tried: its record in `targets` says only that it fails. */
import type { Entry } from '../../../../shared/config/site.ts'
import { pushSubject, refreshSubject, storeSubject } from '../../../../shared/contracts/subjects.ts'
import type { TargetRecord } from '../../../../shared/work/target-record.ts'
import type { LedgerRow, TargetRow } from '../../ledger/ledger.ts'
import { type Problem, problemOf } from '../view/place.ts'

/** By the target's key. */
export type Problems = Map<string, Problem>

/** Takes over what a row of the ledger says. */
export function keepProblems(problems: Problems, { refresh, targets }: LedgerRow, entry: Entry): void {
  keep(problems, refreshSubject(entry), refresh)
  for (const target of targets)
    keep(problems, (target.kind === 'node' ? pushSubject : storeSubject)(entry, target.name), target)
}

function keep(
  problems: Problems,
  key: string,
  { state, code, message = '', action = '' }: Pick<TargetRow, 'state' | 'code' | 'message' | 'action'>,
): void {
  if (state === 'failed' && code) problems.set(key, problemOf({ code, message, action }))
  else problems.delete(key)
}

/** The runs in whose rows it stands why these targets fail. */
export const runsToAsk = (records: Iterable<TargetRecord>): ReadonlySet<string> =>
  new Set([...records].flatMap(({ reported, ended, run }) => (reported && ended?.run !== run ? [run] : [])))
