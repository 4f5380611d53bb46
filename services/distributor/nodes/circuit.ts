/** A circuit breaker's decisions about one way to a node: when it is tried, and what its failures mean for all who wait. Pure. */

import { type Backoff, backoffMs } from '../../../shared/contracts/backoff.ts'
import type { ReasonCode } from '../../../shared/contracts/reasons.ts'

/** Why nobody gets through, in words that fit every entry. */
export interface Finding {
  readonly code: ReasonCode
  readonly why: string
}

/** It lets pushes through. */
export interface Closed {
  readonly kind: 'closed'
  /** When a push was answered last, whatever the answer. */
  readonly answeredMs: number | undefined
  /** Accounts that got in and no further since then. */
  readonly hung: ReadonlySet<string>
}

/** The node failed lately: one push at a time tries it, the others fail with what that one finds. */
export interface Open {
  readonly kind: 'open'
  readonly found: Finding
  /** Tries in a row that failed. */
  readonly failures: number
  /** The configured retries are used up: whoever waits reports the failure. */
  readonly isTold: boolean
  readonly failedMs: number
  readonly nextTryMs: number
  /** The newest run whose try has failed. */
  readonly run: string
  /** Somebody tries it now. */
  readonly isTried: boolean
}

/** All times are of one monotonic clock, in milliseconds. */
export type Circuit = Closed | Open

/** A push that is made. */
export interface Try {
  readonly run: string
  readonly account: string
  readonly startedMs: number
}

/** A push that waits for its turn. */
export interface Waiter {
  readonly run: string
  /** It has told that the node is away. */
  readonly hasTold: boolean
}

/** When failures of a node are told, and how soon it is tried again. */
export interface RetryPolicy {
  readonly retry: { readonly numRetries: number; readonly retrySleepMs: number }
  readonly backoff: Backoff
}

export type Permission =
  | { readonly kind: 'try' }
  /** Come again later; where something was found, that is to be told now. */
  | { readonly kind: 'wait'; readonly delayMs: number; readonly found?: Finding }

/** A node that answered so lately is given several pushes at once (milliseconds). */
const provenMs = 5 * 60_000
/** What failed so long ago is no longer known to be away (milliseconds). */
const forgottenMs = 10 * 60_000
/** Pushes at the same time to a node of which nothing is known: a second one, as the first may be held up by its own account. */
const unproven = 2
/** So many accounts in a row that get in and no further are the node's fault. */
const hangsOfNode = 2
/** While somebody else tries (milliseconds). */
const meanwhileMs = 1_000

export const unknown: Closed = { kind: 'closed', answeredMs: undefined, hung: new Set() }
const answeredAt = (nowMs: number): Closed => ({ ...unknown, answeredMs: nowMs })

/** Whether it answered lately. */
export const isProven = (circuit: Circuit, nowMs: number): boolean =>
  circuit.kind === 'closed' && circuit.answeredMs !== undefined && nowMs - circuit.answeredMs < provenMs

/** Unknown again where its last failure was long ago. */
export const withoutOld = (circuit: Circuit, nowMs: number): Circuit =>
  circuit.kind === 'open' && !circuit.isTried && nowMs - circuit.nextTryMs > forgottenMs ? unknown : circuit

/** A run's first push tries at once; the rest of it shares what that finds. */
const isDue = (circuit: Open, run: string, nowMs: number) => nowMs >= circuit.nextTryMs || run > circuit.run

/** Whether what is known is this run's too. */
const isToBeTold = (circuit: Open, run: string) => circuit.isTold && run <= circuit.run

/** What is known and not told yet is told first, whoever tries the node meanwhile. */
const hasToTell = (circuit: Open, { run, hasTold }: Waiter) => isToBeTold(circuit, run) && !hasTold

/** How many pushes at the same time it takes now, where a node that is well takes `limit`. */
export function mostAt(circuit: Circuit, waiter: Waiter, limit: number, nowMs: number): number {
  if (circuit.kind === 'closed') return isProven(circuit, nowMs) ? limit : Math.min(unproven, limit)
  // Those that only fail with what is known are over at once.
  if (hasToTell(circuit, waiter)) return limit
  if (circuit.isTried) return 0
  return isDue(circuit, waiter.run, nowMs) ? 1 : limit
}

/** May this push be made? */
export function permit(circuit: Circuit, waiter: Waiter, nowMs: number): Permission {
  if (circuit.kind === 'closed') return { kind: 'try' }
  const delayMs = circuit.isTried ? meanwhileMs : Math.max(1, circuit.nextTryMs - nowMs)
  const mayTry = !circuit.isTried && isDue(circuit, waiter.run, nowMs)
  if (mayTry && !hasToTell(circuit, waiter)) return { kind: 'try' }
  // Also again: what was thrown may not have reached the bus.
  return { kind: 'wait', delayMs, ...(isToBeTold(circuit, waiter.run) ? { found: circuit.found } : {}) }
}

/** A push was begun. */
export const afterStart = (circuit: Circuit): Circuit =>
  circuit.kind === 'open' ? { ...circuit, isTried: true } : circuit

/** The node answered: it took the files, or had something against them or the account. */
export const afterAnswer = (nowMs: number): Circuit => answeredAt(nowMs)

/** Nobody got as far as the account. Tries that were under way together count once. */
export function afterFailure(
  circuit: Circuit,
  { run, startedMs }: Try,
  found: Finding,
  { retry, backoff }: RetryPolicy,
  nowMs: number,
): Open {
  const before = circuit.kind === 'open' ? circuit : undefined
  if (before && startedMs < before.failedMs) return before
  const failures = (before?.failures ?? 0) + 1
  const isTold = failures > retry.numRetries
  const delayMs = isTold ? backoffMs(failures - retry.numRetries, backoff) : retry.retrySleepMs
  return {
    ...{ kind: 'open', found, failures, isTold, isTried: false },
    ...{ failedMs: nowMs, nextTryMs: nowMs + delayMs, run: later(run, before?.run ?? run) },
  }
}

/** An account got in and no further: its own trouble, unless it is not the only one. */
export function afterHang(
  circuit: Circuit,
  attempt: Try,
  found: Finding,
  policy: RetryPolicy,
  nowMs: number,
): Circuit {
  if (circuit.kind === 'open' && circuit.found.code === found.code)
    return afterFailure(circuit, attempt, found, policy, nowMs)
  const hung = new Set(circuit.kind === 'closed' ? circuit.hung : []).add(attempt.account)
  if (hung.size < hangsOfNode) return { ...answeredAt(nowMs), hung }
  return afterFailure(circuit, attempt, found, policy, nowMs)
}

/** A try that says nothing of the node: somebody else may make the next one. */
export const afterNothing = (circuit: Circuit, nowMs: number): Circuit =>
  circuit.kind === 'open' ? { ...circuit, isTried: false, nextTryMs: nowMs } : circuit

const later = (one: string, other: string) => (one > other ? one : other)
