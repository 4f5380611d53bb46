/** Our own metrics, each with its unit and meaning (docs/metrics.md); the predecessor's are in `kept-metrics.ts`. */
import { counter, gauge, histogram, stepBuckets } from './registry.ts'

/** Messages handled, by consumer and by how they ended (ack, term, later, abandon, handBack). */
export const messagesTotal = counter('messages_total', 'Messages handled, by consumer and end.', [
  'consumer',
  'end',
])

/** Failures by stable reason code, each once per run and target. */
export const failuresTotal = counter(
  'failures_total',
  'Failures of entries and targets that were reported, by stage and reason code.',
  ['stage', 'code'],
)

/** Every attempt that came to an end, also those that are tried again before anything is reported. */
export const outcomesTotal = counter(
  'outcomes_total',
  'Attempts that ended, by stage (refresh, store, push, notify) and code (ok or a reason code).',
  ['stage', 'code'],
)

/** A retry's delay, a crash, or an acknowledgement that was lost. */
export const redeliveriesTotal = counter(
  'redeliveries_total',
  'Messages that were delivered again, by consumer.',
  ['consumer'],
)

/** What could not be handled, with the reason, in the stream DEAD. */
export const deadLettersTotal = counter('dead_letters_total', 'Messages this daemon kept as dead letters.')

/** Somebody has written what nobody of ours writes, or the store is damaged. */
export const unreadableValuesTotal = counter(
  'unreadable_values_total',
  'Values in buckets that could not be read and were taken as absent, by bucket.',
  ['bucket'],
)

/** External commands, in seconds, by program and outcome (`ok`, `exit`, `timeout`, `killed`, `missing`). */
export const commandSeconds = histogram(
  'command_duration_seconds',
  'Duration of external commands, by program and outcome.',
  ['program', 'outcome'],
  stepBuckets,
)

/** One step of an entry's way: `kinit`, `get`, `store`, `push`; code is `ok` or a reason code. */
export const stepSeconds = histogram(
  'step_duration_seconds',
  'Duration of a step (kinit, get, store, push) until it ended, by code (ok or a reason code).',
  ['step', 'code'],
  stepBuckets,
)

/** From the moment an item was published until work on it began, first deliveries only. */
export const queueWaitSeconds = histogram(
  'queue_wait_seconds',
  'How long items waited until work on them began, by queue (refresh, store, push, notify).',
  ['queue'],
  [0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600],
)

/** Spans, log lines, and pushes of metrics that a far end did not take in time. */
export const droppedTotal = counter(
  'telemetry_dropped_total',
  'Spans, log lines or pushes of metrics that were dropped, by signal and sink.',
  ['signal', 'sink'],
)

/** 1 for the holder, 0 for a replica that stands by. */
export const leaseHolder = gauge(
  'lease_holder',
  'Whether this process holds the lease (1) or stands by (0).',
  ['lease'],
)

/** 1 while JetStream answers this daemon, 0 while the bus is away or has no leader. */
export const jetStreamUp = gauge('jetstream_up', 'Whether JetStream answers this daemon (1) or not (0).')

/** Unix time (seconds) of the last end of a run. */
export const lastRunFinished = gauge(
  'last_run_finished_timestamp_seconds',
  'Unix time at which the last run ended.',
)

/** From the request to the end of its last target, or its deadline (seconds). */
export const runSeconds = gauge('run_duration_seconds', 'Duration of the last run that ended, in seconds.')

/** Always 1: the facts are in the labels. */
export const buildInfo = gauge('build_info', 'Always 1; which version this daemon is.', ['version', 'daemon'])
