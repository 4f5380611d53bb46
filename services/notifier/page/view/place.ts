/** How one place of an entry stands, its token's making included: one word, and who has to act. Pure. */
import type { Failure } from '../../../../shared/contracts/errors.ts'
import { cleanTexts } from '../../../../shared/contracts/one-sentence.ts'
import { reasonOf, type Turn } from '../../../../shared/contracts/reasons.ts'
import { z } from '../../../../shared/contracts/zod.ts'
import { isFailing } from '../../../../shared/work/service-status.ts'
import type { TargetRecord } from '../../../../shared/work/target-record.ts'

/** The worst first. */
export const states = ['failing', 'old', 'never', 'revoked', 'fresh'] as const
export type State = (typeof states)[number]

const at = z.iso.datetime({ offset: true }).nullable()

export const problem = z.object({
  code: z.string().describe('Reason code, see docs/reasons.md.'),
  means: z.string().describe('What the code means.'),
  message: z.string().describe('What was seen, one sentence.'),
  action: z.string().describe('What to do about it.'),
  turn: z.enum(['experiment', 'administrators', 'nobody']).describe('Who has to act.'),
})
export type Problem = Readonly<z.infer<typeof problem>>

export const place = z.object({
  kind: z.enum(['token', 'node', 'credd']).describe('`token`: the making of the token itself.'),
  name: z.string().describe('The node or credd; of a token the service.'),
  state: z.enum(states),
  lastSuccess: at.describe('When a token was put there last.'),
  expiry: at.describe('When the token there ends, as far as that is known.'),
  since: at.describe('Since when it has been failing, run after run.'),
  runs: z.int().nullable().describe('How many runs in a row have failed there.'),
  problem: problem.nullable().describe('What is wrong; null also where that is not known yet.'),
})
export type Place = Readonly<z.infer<typeof place>>

/** When a token counts as old. Milliseconds. */
export interface Freshness {
  /** How far scheduled runs lie apart; absent where none are scheduled. */
  readonly periodMs?: number | undefined
  /** How long a run may take. */
  readonly runMs: number
  /** Without a schedule: a token with less life left should have been replaced. */
  readonly warnBeforeMs: number
}

/** What is known of a place besides its record. */
export interface About {
  readonly isRevoked?: boolean
  /** Runs in a row that failed; since when. */
  readonly failed?: { readonly since: string; readonly runs: number } | undefined
  /** What the ledger says is wrong, where the record does not. */
  readonly problem?: Problem | undefined
}

export function placeOf(
  named: Pick<Place, 'kind' | 'name'>,
  record: TargetRecord | undefined,
  { isRevoked = false, failed, problem: told }: About,
  freshness: Freshness,
  now: number,
): Place {
  const state = isRevoked ? 'revoked' : stateOf(record, freshness, now)
  const isBroken = state === 'failing'
  return {
    ...named,
    state,
    lastSuccess: record?.lastSuccess ?? null,
    expiry: record?.expiry ?? null,
    since: isBroken ? (failed?.since ?? record?.reportedAt ?? record?.lastAttempt ?? null) : null,
    runs: isBroken ? (failed?.runs ?? null) : null,
    problem: isBroken ? (ownProblem(record) ?? told ?? null) : null,
  }
}

function stateOf(record: TargetRecord | undefined, freshness: Freshness, now: number): State {
  if (record && isFailing(record)) return 'failing'
  if (!record?.lastSuccess) return 'never'
  return isOld(record as TargetRecord & { lastSuccess: string }, freshness, now) ? 'old' : 'fresh'
}

/** Two runs have not renewed it, or it ends. */
function isOld(
  { lastSuccess, expiry }: { readonly lastSuccess: string; readonly expiry?: string | undefined },
  { periodMs, runMs, warnBeforeMs }: Freshness,
  now: number,
): boolean {
  const leftMs = expiry === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiry) - now
  if (leftMs <= 0) return true
  if (periodMs === undefined) return leftMs < warnBeforeMs
  return now - Date.parse(lastSuccess) > 2 * periodMs + runMs
}

function ownProblem(record: TargetRecord | undefined): Problem | undefined {
  const ended = record?.ended
  return ended?.kind === 'failed' && ended.run === record?.run ? problemOf(ended.failure) : undefined
}

/** A failure in the words of its reason. What came over the bus is made fit to be shown. */
export function problemOf({
  code,
  message,
  action,
}: Pick<Failure, 'message' | 'action'> & { code: string }): Problem {
  const reason = reasonOf(code)
  return {
    ...cleanTexts({ code, message, action: action || (reason?.action ?? '') }),
    means: reason?.means ?? 'a newer part of the system has met something that this one does not know',
    turn: reason?.turn ?? 'administrators',
  }
}

const turns: readonly (Turn | undefined)[] = ['experiment', 'administrators', 'nobody', undefined]

/** What needs somebody first comes first: `0` is worst. Failing by whose turn it is, then the other states. */
export function urgencyOf({ state, problem: why }: Pick<Place, 'state' | 'problem'>): number {
  return state === 'failing' ? turns.indexOf(why?.turn) : turns.length + states.indexOf(state)
}

/** The most urgent of some. */
export const worstOf = (places: readonly Place[]): Place | undefined =>
  places.toSorted((one, other) => urgencyOf(one) - urgencyOf(other))[0]
