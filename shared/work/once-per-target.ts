/** The shape of all work on a target: claim, act, check the claim again, record the ending, and only then report. */
import type { KV } from '@nats-io/kv'
import { isBusError } from '../bus/bus-errors.ts'
import { patiently } from '../bus/patiently.ts'
import type { Outgoing } from '../bus/publish.ts'
import type { Retry } from '../config/site.ts'
import { backoffMs } from '../contracts/backoff.ts'
import { ClaimLost, type Failure, failure, Permanent, RetryLater, Transient } from '../contracts/errors.ts'
import { timestamp } from '../contracts/messages.ts'
import { countAttempt } from '../telemetry/metrics/count-attempt.ts'
import { type Claim, takeClaim } from './claim.ts'
import type { Received } from './consume/handle-message.ts'
import type { Ending, TargetRecord } from './target-record.ts'

/** What acting on a target brought: the facts to publish, and when the token that now lies there ends; null: there is none now. */
export interface Acted {
  readonly messages: readonly Outgoing[]
  readonly expiry?: string | null
}

export interface TargetWork {
  /** Key in `targets`; the same string as the item's subject. */
  readonly key: string
  readonly run: string
  readonly entry: string
  readonly target?: string
  /** When a failure that may pass is reported. */
  readonly retry: Retry
  /** Wait between attempts after it was reported: doubled from `firstMs` to `longestMs` (milliseconds). */
  readonly backoff: { readonly firstMs: number; readonly longestMs: number }
}

/** What has to be done however long it takes is never given up: what no other try would mend today may be mended tomorrow. */
export async function neverGivingUp<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    throw error instanceof Permanent ? new Transient(error.failure) : error
  }
}

type Circumstances = Pick<Received<unknown>, 'signal' | 'log'>

/**
 * Brings a target to one ending in a run, whatever comes back from the bus, and returns the messages to publish. `act` runs again
 * after a failure that may pass, and is
 * given how an earlier run ended here.
 */
export async function oncePerTarget(
  work: TargetWork,
  targets: KV,
  received: Circumstances,
  act: (claim: Claim, before: Ending | undefined) => Promise<Acted>,
): Promise<readonly Outgoing[]> {
  const { key, run, entry, target } = work
  const claimed = await takeClaim(targets, key, { run, entry, ...(target ? { target } : {}) }, received)
  if (claimed.kind === 'superseded') {
    received.log.info({ by: claimed.by }, 'dropped: a newer run has this target')
    return []
  }
  if (claimed.kind === 'ended') {
    received.log.info({ ending: claimed.ending.kind }, 'this run has already ended here: telling it again')
    if (claimed.ending.kind === 'failed') throw new Permanent(claimed.ending.failure)
    return claimed.ending.messages
  }
  return actOnce(work, claimed.claim, received, act)
}

async function actOnce(
  work: TargetWork,
  claim: Claim,
  received: Circumstances,
  act: (claim: Claim, before: Ending | undefined) => Promise<Acted>,
): Promise<readonly Outgoing[]> {
  try {
    const { messages: said, expiry } = await act(claim, claim.record.ended)
    const messages = withRecovery(said, claim.record)
    const done = {
      lastSuccess: timestamp(),
      ...(expiry !== undefined && { expiry: expiry ?? undefined }),
      ended: { run: work.run, kind: 'done', messages } as const,
    }
    // What was done must not be done again because the bus was away when it had to be written down.
    // Throws ClaimLost where somebody else has the target by now: this is the second look.
    await patiently(() => claim.change(done), received)
    countAttempt(stageOf(work.key), 'ok')
    return messages
  } catch (error) {
    if (error instanceof ClaimLost) throw error
    // It was stopped, or the bus was: nothing is known against the target.
    if (received.signal.aborted || isBusError(error)) {
      await giveBack(claim, received)
      throw error
    }
    throw await endFailed(work, claim, error, received)
  }
}

/** It does not count as an attempt. */
const giveBack = (claim: Claim, received: Circumstances) =>
  patiently(() => claim.change({ attempts: claim.record.attempts - 1 }), received)

const reportedNow = () => ({ reported: true, reportedAt: timestamp() })

/** Where this run has told of a failure at this target, its success is a recovery, and says so. Pure. */
const withRecovery = (
  messages: readonly Outgoing[],
  { reported, reportedAt }: Pick<TargetRecord, 'reported' | 'reportedAt'>,
): readonly Outgoing[] =>
  reported && reportedAt
    ? messages.map((one) =>
        one.kind === 'fact' ? { ...one, body: { ...one.body, recovered: { since: reportedAt } } } : one,
      )
    : messages

/** Turns what `act` threw into one of the ends, and records it where it is final. */
async function endFailed(work: TargetWork, claim: Claim, error: unknown, received: Circumstances) {
  await patiently(() => claim.check(), received)
  const stage = stageOf(work.key)
  if (error instanceof Permanent) {
    countAttempt(stage, error.failure.code)
    const ended = { run: work.run, kind: 'failed', failure: error.failure } as const
    await patiently(() => claim.change({ ended }), received)
    return error
  }
  if (error instanceof RetryLater) {
    // It was not tried at all: a lock is held elsewhere, or Vault wants to be left alone.
    await giveBack(claim, received)
    if (!error.failure) return error
    return reportOnce(error.delayMs, error.failure, claim.record, () => claim.change(reportedNow()))
  }
  if (!(error instanceof Transient)) received.log.error({ err: error }, 'unexpected error')
  const failed =
    error instanceof Transient
      ? error.failure
      : failure('unexpected', 'An unexpected error, see the log of this run.')
  countAttempt(stage, failed.code)
  return decideRetry(work, claim.record, failed, () => claim.change(reportedNow()))
}

/** `refresh`, `store` or `push`: the first word of a target's key. */
const stageOf = (key: string) => key.split('.')[0] ?? key

/** Quietly again until the configured retries are used up; then reported once, and again ever more slowly. Pure. */
export function decideRetry(
  { retry, backoff }: Pick<TargetWork, 'retry' | 'backoff'>,
  record: { readonly attempts: number; readonly reported?: boolean },
  failed: Failure,
  markReported: () => Promise<void>,
): RetryLater {
  if (record.attempts <= retry.numRetries) return new RetryLater(retry.retrySleepMs)
  const delayMs = backoffMs(record.attempts - retry.numRetries, backoff)
  return reportOnce(delayMs, failed, record, markReported)
}

/** Again after the delay; the failure is told unless this run has told one of this target. */
function reportOnce(
  delayMs: number,
  failed: Failure,
  { reported }: { readonly reported?: boolean },
  markReported: () => Promise<void>,
): RetryLater {
  return reported ? new RetryLater(delayMs) : new RetryLater(delayMs, failed, markReported)
}
