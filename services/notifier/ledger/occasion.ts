/** On which occasion results are counted: when a run has ended, or when one of its results came after that. */
import type { KV } from '@nats-io/kv'
import type { Site } from '../../../shared/config/site.ts'
import type { LedgerRow, LedgerRun } from './ledger.ts'

export interface Occasion {
  readonly run: LedgerRun
  readonly rows: readonly LedgerRow[]
  /** The same whenever the same is counted again. */
  readonly by: string
  /** The rows have everything of the run. */
  readonly isWhole: boolean
}

export interface CountDeps {
  readonly site: Site
  readonly failures: KV
}

/** A muted or a test run must not use up the alert of a full one: it tells what it saw and counts no failure. */
export const isCounted = ({ mode: { push, notify } }: LedgerRun) => push && notify

/** What all news of a run says. */
export const ofRun = ({ run, mode, traceId, spanId }: LedgerRun) => ({
  ...{ run, isTest: !mode.push },
  ...(traceId && { traceId, spanId }),
})
