/** Whether this process is alive and ready, from what its parts say of themselves; one state per process, as the metrics. */
import type { Daemon } from '../contracts/subjects.ts'
import { gauge } from './metrics/registry.ts'

/** What one consumer says: `null` while it has not been able to pull. Monotonic milliseconds. */
export interface ConsumerPulse {
  readonly lastPull: number | null
  /** Items being worked on, and since when the one that was begun first is. */
  readonly working: number
  readonly oldestWork: number | null
}

/** All that readiness is judged from. */
export interface HealthFacts {
  /** Everything the daemon needs has been opened. */
  readonly started: boolean
  readonly connected: boolean
  readonly consumers: Readonly<Record<string, ConsumerPulse>>
}

/** The body of `/readyz`. */
export interface Readiness {
  readonly ready: boolean
  /** One sentence for each thing that is missing. */
  readonly missing: readonly string[]
  readonly consumers: Readonly<
    Record<string, { lastPullSecondsAgo: number | null; working: number; oldestWorkSeconds: number | null }>
  >
}

/** A pull ends after 20 s at the latest: one that is older than this has come to nothing (milliseconds). */
const longestPullMs = 60_000

/** What is missing for this process to do its work. Pure; `now` is of the same clock as the facts. */
export function judgeReadiness({ started, connected, consumers }: HealthFacts, now: number): Readiness {
  const seconds = (at: number | null) => (at === null ? null : Math.round((now - at) / 1_000))
  const silent = Object.entries(consumers)
    // With its hands full it asks for nothing more.
    .filter(
      ([, { lastPull, working }]) =>
        working === 0 && (lastPull ?? Number.NEGATIVE_INFINITY) < now - longestPullMs,
    )
    .map(([name, { lastPull }]) =>
      lastPull === null
        ? `the consumer ${name} has not pulled yet`
        : `the consumer ${name} has not pulled for ${seconds(lastPull)} s`,
    )
  const missing = [
    ...(connected ? [] : ['no connection to NATS']),
    ...(started ? [] : ['not started yet: waiting for streams, buckets or the lease of its own start']),
    ...silent,
  ]
  return {
    ready: missing.length === 0,
    missing,
    consumers: Object.fromEntries(
      Object.entries(consumers).map(([name, { lastPull, working, oldestWork }]) => [
        name,
        { lastPullSecondsAgo: seconds(lastPull), working, oldestWorkSeconds: seconds(oldestWork) },
      ]),
    ),
  }
}

let daemon: Daemon | undefined
let started = false
let isConnected: () => boolean = () => false
const consumers = new Map<string, () => ConsumerPulse>()

/** Whether this process could do its work when the metrics were read. */
export const readyGauge = gauge(
  'ready',
  'Whether this daemon is ready, as /readyz says: 1 or 0.',
  ['daemon'],
  function () {
    if (daemon) this.set({ daemon }, readReadiness().ready ? 1 : 0)
  },
)

/** Names the process; from here on it is alive and not ready. */
export function beginHealth(of: Daemon): void {
  daemon = of
}

/** How to ask whether NATS is there now. */
export function watchConnection(ask: () => boolean): void {
  isConnected = ask
}

/** Everything is open. */
export function markStarted(): void {
  started = true
}

/** Makes this consumer a condition of readiness until it is disposed: a storer that stands by has none. */
export function watchConsumer(name: string, pulse: () => ConsumerPulse): Disposable {
  consumers.set(name, pulse)
  return {
    [Symbol.dispose]() {
      if (consumers.get(name) === pulse) consumers.delete(name)
    },
  }
}

/** How this process stands now. */
export function readReadiness(): Readiness {
  const pulses = Object.fromEntries([...consumers].map(([name, pulse]) => [name, pulse()]))
  return judgeReadiness({ started, connected: isConnected(), consumers: pulses }, performance.now())
}
