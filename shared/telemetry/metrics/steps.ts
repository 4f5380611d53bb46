/** Times one step of an entry's way (kinit, get, store, push), and keeps the predecessor's gauges about it. */
import type { Gauge } from 'prom-client'
import { isFailed } from '../../contracts/errors.ts'
import { currentWork } from '../logs/work-context.ts'
import {
  failedKinits,
  failedTokenGets,
  failedTokenPushes,
  failedTokenStores,
  kinitSeconds,
  lastTokenGet,
  lastTokenPush,
  lastTokenStore,
  tokenGetSeconds,
  tokenPushSeconds,
  tokenStoreSeconds,
} from './kept-metrics.ts'
import { stepSeconds } from './metrics.ts'
import { openStageClock, type Stage } from './stages.ts'

export type Step = 'kinit' | 'get' | 'store' | 'push'
type Labels = Readonly<Record<string, string>>

interface Kept {
  readonly stage: Stage
  readonly seconds: Gauge
  readonly failed: Gauge
  readonly last?: Gauge
}

const kept: Record<Step, Kept> = {
  kinit: { stage: 'getKerberosTickets', seconds: kinitSeconds, failed: failedKinits },
  get: { stage: 'getTokens', seconds: tokenGetSeconds, failed: failedTokenGets, last: lastTokenGet },
  store: {
    stage: 'storeAndGetTokens',
    seconds: tokenStoreSeconds,
    failed: failedTokenStores,
    last: lastTokenStore,
  },
  push: { stage: 'pushTokens', seconds: tokenPushSeconds, failed: failedTokenPushes, last: lastTokenPush },
}

/** Entries that failed last, by step and labels: two entries may be one service. */
const failing = new Map<string, Set<string>>()
const clock = openStageClock()

/**
 * Runs `work` as one step of `entry`. What it throws besides Permanent and Transient says nothing about the step (it was put
 * off, or taken over) and changes no metric.
 */
export async function timeStep<T>(
  step: Step,
  entry: string,
  labels: Labels,
  work: () => Promise<T>,
): Promise<T> {
  const { stage, seconds, failed, last } = kept[step]
  const run = currentWork()?.run
  const started = performance.now()
  const took = () => (performance.now() - started) / 1_000
  if (run) clock.begin(stage, run)
  try {
    const result = await work()
    stepSeconds.observe({ step, code: 'ok' }, took())
    seconds.set(labels, took())
    last?.set(labels, Date.now() / 1_000)
    failed.set(labels, countFailing(step, labels, entry, false))
    return result
  } catch (error) {
    if (isFailed(error)) {
      stepSeconds.observe({ step, code: error.failure.code }, took())
      failed.set(labels, countFailing(step, labels, entry, true))
    }
    throw error
  } finally {
    if (run) clock.end(stage, run)
  }
}

function countFailing(step: Step, labels: Labels, entry: string, hasFailed: boolean): number {
  const key = keyOf(step, labels)
  const entries = failing.get(key) ?? new Set()
  if (hasFailed) entries.add(entry)
  else entries.delete(entry)
  if (entries.size > 0) failing.set(key, entries)
  else failing.delete(key)
  return entries.size
}

const keyOf = (step: Step, labels: Labels) => [step, ...Object.values(labels)].join(' ')

/** Forgets what is no longer configured, so that it does not count for ever. */
export function forgetSteps(isConfigured: (entry: string) => boolean): void {
  for (const [key, entries] of failing) {
    for (const entry of entries) if (!isConfigured(entry)) entries.delete(entry)
    if (entries.size === 0) failing.delete(key)
  }
}
