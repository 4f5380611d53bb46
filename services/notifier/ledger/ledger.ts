/** The ledger of a run, as pure steps: how each event changes a row, and when everything has ended. */
import { failure } from '../../../shared/contracts/errors.ts'
import {
  asker,
  type RunStarted,
  runFinished,
  runMode,
  type TokenFailed,
  type TokenPushed,
  type TokenReady,
  type TokenRemoved,
  type TokenStored,
  targetState,
  time,
} from '../../../shared/contracts/messages.ts'
import { runId } from '../../../shared/contracts/run-id.ts'
import { z } from '../../../shared/contracts/zod.ts'

const causeName = z.string().describe('What is at fault where it is not the target itself.').optional()

const tokenId = z.string().describe('Of the token that is there; says nothing about its value.').optional()
const removalOutcome = z
  .enum(['removed', 'absent', 'left'])
  .describe('What became of it, where it was to be taken away.')
  .optional()
const until = time.describe('When the last copy ends that could not be taken away.').optional()

/** How one target of an entry stands. */
export const targetRow = z.object({
  kind: z.enum(['credd', 'node']),
  name: z.string(),
  state: targetState,
  at: time.describe('When it came to this state.'),
  code: z.string().describe('Why it failed; of what is done, what is amiss all the same.').optional(),
  message: z.string().optional(),
  action: z.string().optional(),
  causeName,
  expiry: time.describe('When the token there ends.').optional(),
  warning: z.string().optional(),
  tokenId,
  outcome: removalOutcome,
  until,
  cause: z.literal('refresh').describe('Failed because the entry’s refresh did.').optional(),
})
export type TargetRow = z.infer<typeof targetRow>

/** One entry of a run: the value of the key `<run>.<entry>` in the bucket `runs`. */
export const ledgerRow = z.object({
  run: runId,
  entry: z.string(),
  service: z.string(),
  refresh: z.object({
    state: targetState,
    at: time,
    code: z.string().optional(),
    message: z.string().optional(),
    action: z.string().optional(),
    causeName,
    expiry: time.optional(),
    reused: z.boolean().optional(),
    tokenId,
    outcome: removalOutcome,
    warning: z.string().optional(),
  }),
  targets: z.array(targetRow),
  removes: z.boolean().describe('The run takes away what it has of the entry.').optional(),
})
export type LedgerRow = z.infer<typeof ledgerRow>

/** The run itself: the value of the key `<run>` in the bucket `runs`. */
export const ledgerRun = z.object({
  run: runId,
  started: time,
  deadline: time,
  mode: runMode,
  entries: z.array(z.string()).describe('As far as its plan was heard.'),
  missing: z.array(z.int()).describe('Parts of its plan that were not heard yet.').optional(),
  by: asker.optional(),
  revocation: z.object({ reason: z.string() }).describe('It takes away.').optional(),
  trigger: z.enum(['request', 'schedule']).optional(),
  totals: runFinished.shape.totals.describe('How it had ended when it was finished.').optional(),
  traceId: z.string().optional(),
  spanId: z.string().describe('Where the run’s trace came by: what the clock brings hangs there.').optional(),
  finished: time.optional(),
})
export type LedgerRun = z.infer<typeof ledgerRun>

/** What one message of its plan says of a run. */
export function runOf(body: RunStarted): LedgerRun {
  const { run, at, deadline, mode, entries, part, trigger, by, revocation } = body
  const parts = Array.from({ length: part?.of ?? 0 }, (_, index) => index + 1)
  const missing = parts.filter((number) => number !== part?.number)
  const names = entries.map(({ entry }) => entry)
  return {
    ...{ run, started: at, deadline, mode, trigger, entries: names },
    ...(by && { by }),
    ...(revocation && { revocation }),
    ...(missing.length > 0 && { missing }),
  }
}

/** A run with another part of its plan; the same where there is nothing new. */
export function withPart(run: LedgerRun | undefined, part: LedgerRun): LedgerRun {
  if (!run) return part
  const missing = run.missing?.filter((number) => part.missing?.includes(number)) ?? []
  if (missing.length === (run.missing?.length ?? 0)) return run
  const { missing: _, ...known } = run
  const entries = [...new Set([...run.entries, ...part.entries])]
  return { ...known, entries, ...(missing.length > 0 && { missing }) }
}

/** In the place of a run's id where there is none: smaller than every one. */
export const beforeAllRuns = '0'.repeat(26)

/** The rows of a run that has just started: every node waits; credds are known once the token is ready. */
export function rowsOf(event: RunStarted): LedgerRow[] {
  const waiting = (kind: TargetRow['kind']) => (name: string) =>
    ({ kind, name, state: 'waiting', at: event.at }) as const
  return event.entries.map(({ entry, service, nodes, credds = [] }) => ({
    run: event.run,
    entry,
    service,
    refresh: { state: 'waiting', at: event.at },
    targets: [
      ...(event.mode.push ? nodes.map(waiting('node')) : []),
      ...(event.revocation ? credds.map(waiting('credd')) : []),
    ],
    ...(event.revocation && { removes: true }),
  }))
}

/** The events that change a row, told apart by their subject. */
export type RowEvent =
  | { readonly kind: 'ready'; readonly body: TokenReady }
  | { readonly kind: 'stored'; readonly body: TokenStored }
  | { readonly kind: 'pushed'; readonly body: TokenPushed }
  | { readonly kind: 'removed'; readonly body: TokenRemoved }
  | { readonly kind: 'failed'; readonly body: TokenFailed }

/**
 * The row after an event of its run. Events may come twice and in any order: what is done stays done, of two failures the
 * later one counts, and a late result overwrites an earlier end.
 */
export function applyEvent(row: LedgerRow, event: RowEvent): LedgerRow {
  const { body } = event
  switch (event.kind) {
    case 'ready':
      return {
        ...row,
        refresh: refreshOf(event.body),
        targets: withCredds(reopen(row.targets, event.body), event.body.credds, body.at),
      }
    case 'stored':
      return withTarget(row, {
        ...{ kind: 'credd', name: event.body.credd, state: 'done', at: body.at },
        ...neglectOf(event.body),
      })
    case 'pushed': {
      const { node, expiry, warning, tokenId } = event.body
      return withTarget(row, {
        kind: 'node',
        name: node,
        state: 'done',
        at: body.at,
        expiry,
        tokenId,
        ...(warning && { warning }),
      })
    }
    case 'removed':
      return withRemoved(row, event.body)
    case 'failed':
      return withFailure(row, event.body)
  }
}

function withRemoved(
  row: LedgerRow,
  { stage, target, at, outcome, warning, until }: TokenRemoved,
): LedgerRow {
  const how = { state: 'done', at, outcome, ...(warning && { warning }) } as const
  if (stage === 'refresh') return { ...row, refresh: how }
  const kind = stage === 'store' ? 'credd' : 'node'
  return target ? withTarget(row, { kind, name: target, ...how, ...(until && { until }) }) : row
}

/** The credd has the token, so that all goes on, and yet no job gets anything of it. */
function neglectOf({
  credd,
  service,
  waitingSince,
}: TokenStored): Pick<TargetRow, 'code' | 'message' | 'action'> {
  if (waitingSince === undefined) return {}
  const message = `${credd} has the vault token of ${service}, and no credential monitor has looked at it since ${waitingSince}.`
  const { code, action } = failure('credmon-silent', message)
  return { code, message, action }
}

/** With a token, an entry has failed all the same where nodes get nothing of it and nobody else tells. */
function refreshOf({ at, expiry, reused, lacking, tokenId }: TokenReady): LedgerRow['refresh'] {
  if (!lacking) return { state: 'done', at, expiry, reused, tokenId }
  return { state: 'failed', at, ...lacking, expiry, reused, tokenId }
}

const hasToken = ({ refresh }: LedgerRow) => refresh.state === 'done' || refresh.expiry !== undefined

/** A refresh that failed ended the targets; when it works after all, they wait again, except credds that are none any more. */
function reopen(targets: readonly TargetRow[], { credds, at }: TokenReady): TargetRow[] {
  return targets
    .filter(({ kind, name, cause }) => cause !== 'refresh' || kind === 'node' || credds.includes(name))
    .map((target) =>
      target.cause === 'refresh' ? { kind: target.kind, name: target.name, state: 'waiting', at } : target,
    )
}

function withCredds(targets: readonly TargetRow[], credds: readonly string[], at: string): TargetRow[] {
  const known = new Set(targets.filter(({ kind }) => kind === 'credd').map(({ name }) => name))
  const added = credds.filter((name) => !known.has(name))
  return [...targets, ...added.map((name) => ({ kind: 'credd', name, state: 'waiting', at }) as const)]
}

/** The target's new state in its place, unless what is known already is better or later. */
function withTarget(row: LedgerRow, target: TargetRow): LedgerRow {
  const place = row.targets.findIndex(({ kind, name }) => kind === target.kind && name === target.name)
  const before = row.targets[place]
  if (!before) return { ...row, targets: [...row.targets, target] }
  if (before.state === 'done' && target.state !== 'done') return row
  if (before.state === 'failed' && target.state === 'failed' && !before.cause && before.at > target.at)
    return row
  return { ...row, targets: row.targets.with(place, target) }
}

function withFailure(
  row: LedgerRow,
  { stage, target, at, code, message, action, causeName, credds = [] }: TokenFailed,
): LedgerRow {
  const why = { state: 'failed', at, code, message, action, ...(causeName && { causeName }) } as const
  if (stage !== 'refresh')
    return target
      ? withTarget(row, { kind: stage === 'store' ? 'credd' : 'node', name: target, ...why })
      : row
  if (hasToken(row)) return row
  const refresh = row.refresh.state === 'failed' && row.refresh.at > at ? row.refresh : why
  // What is taken away elsewhere does not wait for Vault.
  if (row.removes) return { ...row, refresh }
  const targets = withCredds(row.targets, credds, at).map((one) =>
    one.state === 'waiting' || one.cause === 'refresh'
      ? { kind: one.kind, name: one.name, ...refresh, cause: 'refresh' as const }
      : one,
  )
  return { ...row, refresh, targets }
}

/** What still waits, ended as `state` (the same row when nothing does): superseded by a newer run's result, or unfinished at the deadline. */
export function endWaiting(
  row: LedgerRow,
  state: 'superseded' | 'unfinished',
  at: string,
  only?: (target: TargetRow) => boolean,
): LedgerRow {
  const whole = !only
  const endsRefresh = whole && row.refresh.state === 'waiting'
  const ends = (target: TargetRow) => target.state === 'waiting' && (whole || only(target))
  if (!endsRefresh && !row.targets.some(ends)) return row
  return {
    ...row,
    refresh: endsRefresh ? { state, at } : row.refresh,
    targets: row.targets.map((target) => (ends(target) ? { ...target, state, at } : target)),
  }
}

/** Which target an event is about; undefined where it is the refresh. */
export function targetOf(event: RowEvent): Pick<TargetRow, 'kind' | 'name'> | undefined {
  if (event.kind === 'stored') return { kind: 'credd', name: event.body.credd }
  if (event.kind === 'pushed') return { kind: 'node', name: event.body.node }
  if (event.kind === 'ready' || event.body.stage === 'refresh') return undefined
  return { kind: event.body.stage === 'store' ? 'credd' : 'node', name: event.body.target ?? '' }
}

/** What an older run loses to this event: the whole entry when the newer run has its token, else one target. */
export function supersededBy(row: LedgerRow, event: RowEvent, at: string): LedgerRow {
  const target = targetOf(event)
  // Nothing of an older run comes to anything any more.
  if (event.kind === 'removed' && !target) return endWaiting(row, 'superseded', at)
  if (!target) return row.refresh.state === 'waiting' ? endWaiting(row, 'superseded', at) : row
  return endWaiting(row, 'superseded', at, ({ kind, name }) => kind === target.kind && name === target.name)
}

/**
 * What still waits at the deadline, and has ended in another run since `since`, was superseded there: a notifier may have
 * heard of the two runs in another order, and a weaker run's work is left to a fuller one that has it already.
 */
export function endAsIn(row: LedgerRow, other: LedgerRow, since: string, at: string): LedgerRow {
  const hasResult = (one: Pick<TargetRow, 'state' | 'at'>) =>
    (one.state === 'done' || one.state === 'failed') && one.at >= since
  if (row.refresh.state === 'waiting')
    return hasResult(other.refresh) ? endWaiting(row, 'superseded', at) : row
  return endWaiting(row, 'superseded', at, ({ kind, name }) =>
    other.targets.some((one) => one.kind === kind && one.name === name && hasResult(one)),
  )
}

/** True when the entry and all its targets have ended. */
export function hasEnded(row: LedgerRow): boolean {
  return row.refresh.state !== 'waiting' && row.targets.every(({ state }) => state !== 'waiting')
}

/** How many of a run's targets ended how. An entry counts as one without any target (test mode, no credd), or where it failed itself. */
export function totalsOf(
  rows: readonly LedgerRow[],
): Record<'done' | 'failed' | 'superseded' | 'unfinished', number> {
  const totals = { done: 0, failed: 0, superseded: 0, unfinished: 0 }
  for (const row of rows) {
    const isTarget = row.targets.length === 0 || (row.refresh.state === 'failed' && hasToken(row))
    const states = [...row.targets.map(({ state }) => state), ...(isTarget ? [row.refresh.state] : [])]
    for (const state of states) if (state !== 'waiting') totals[state] += 1
  }
  return totals
}
