/** The work on one message: traced, handled, what came back published, and only then acked. Nothing else acks; what was never handled is handed back where it waits. */
import type { JsMsg } from '@nats-io/jetstream'
import { type Span, SpanStatusCode } from '@opentelemetry/api'
import type { Logger } from 'pino'
import { isBusError } from '../../bus/bus-errors.ts'
import type { Bus } from '../../bus/connect.ts'
import { patiently } from '../../bus/patiently.ts'
import { type Outgoing, publish, publishAll } from '../../bus/publish.ts'
import type { Backoff } from '../../contracts/backoff.ts'
import { type Failure, RetryLater } from '../../contracts/errors.ts'
import type { ConsumerName, StreamName } from '../../contracts/subjects.ts'
import { inWork, type WorkLabels } from '../../telemetry/logs/work-context.ts'
import { messagesTotal, queueWaitSeconds } from '../../telemetry/metrics/metrics.ts'
import { queueOf } from '../../telemetry/metrics/queues.ts'
import { inMessageSpan } from '../../telemetry/traces/message-span.ts'
import { type Held, keyOf } from './backlog.ts'
import { publishDeadLetter } from './dead-letter.ts'
import { decideEnd, type End } from './ends.ts'

/** A message as handlers see it. */
export interface Received<T> {
  readonly body: T
  readonly subject: string
  /** From 1; counts every delivery, also after a crash. */
  readonly deliveries: number
  /** How many more lay behind it, not delivered yet, when it was delivered. */
  readonly pending: number
  /** Aborted when the daemon stops and the handler's grace is over. */
  readonly signal: AbortSignal
  /** Its lines say by themselves which work they are about (`inWork`). */
  readonly log: Logger
}

/** What is done with the messages of a consumer. */
export interface Handling<T> {
  readonly stream: StreamName
  readonly consumer: ConsumerName
  /** Returns the messages to publish. Must be safe to run twice. */
  readonly handle: (received: Received<T>) => Promise<readonly Outgoing[]>
  /** What to publish for a failure; without it a permanent failure goes to the dead letters. */
  readonly report?: (body: T, failed: Failure, permanent: boolean) => Outgoing
}

export interface HandlingDeps {
  readonly bus: Bus
  readonly log: Logger
  /** Before the next attempt after an error that nobody expected. */
  readonly backoff: Backoff
  /** How often in a row a message met an error that nobody expected. */
  readonly strikes: Map<string, number>
  readonly stop: {
    /** We are stopping: nothing is reported that may come of that. */
    readonly asked: AbortSignal
    /** What is still at work is to end now. */
    readonly abort: AbortSignal
    /** Resolves, where we stop, when the server has no pull request of ours any more. */
    readonly pullGone: () => Promise<unknown>
  }
}

/** Before a message comes again whose failure or unreadable body could not be told to anybody (milliseconds). */
export const untoldMs = 1_000

/** Works on the message, whatever comes of it. Never rejects. */
export function handleMessage<T>(what: Handling<T>, held: Held<T>, deps: HandlingDeps): Promise<void> {
  const { body, message } = held
  const { run, entry, credd, node } = body as WorkLabels
  observeWait(what, message)
  return inMessageSpan(what.consumer, message, run, async (span) => {
    const end = await inWork({ run, entry, credd, node }, () => workOn(what, held, deps, span))
    messagesTotal.inc({ consumer: what.consumer, end: end.kind })
    span.setAttribute('managed_tokens.end', end.kind)
  })
}

async function workOn<T>(what: Handling<T>, held: Held<T>, deps: HandlingDeps, span: Span): Promise<End> {
  const { bus, log, stop } = deps
  const { subject, info } = held.message
  const { deliveryCount: deliveries, pending } = info
  let end: End = { kind: 'ack' }
  try {
    const received = { body: held.body, subject, deliveries, pending, signal: stop.abort, log }
    const outgoing = await what.handle(received)
    await patiently(() => publishAll(bus, outgoing), { signal: stop.abort, log })
    deps.strikes.delete(keyOf(held.message))
  } catch (error) {
    end = judge(error, keyOf(held.message), deps)
    logEnd(log, end, error, deliveries)
  }
  try {
    await reportFailure(what, held, end, deps, span)
    await stop.pullGone()
    settle(held.message, end)
  } catch (error) {
    log.warn({ reason: messageOf(error) }, 'could not report a failure yet: the message will come again')
    held.message.nak(untoldMs)
    return { kind: 'later', delayMs: untoldMs }
  }
  return end
}

/** Of first deliveries alone: what comes again has been looked at. */
function observeWait({ stream }: { stream: StreamName }, { redelivered, timestamp }: JsMsg): void {
  const queue = queueOf(stream)
  if (queue && !redelivered)
    queueWaitSeconds.observe({ queue }, Math.max(0, Date.now() - Date.parse(timestamp)) / 1_000)
}

/** Counts errors that nobody expected by themselves: a message may have come many times for good reasons. */
function judge(error: unknown, key: string, { strikes, stop, backoff }: HandlingDeps): End {
  const strike = (strikes.get(key) ?? 0) + 1
  const state = { stopping: stop.asked.aborted, aborted: stop.abort.aborted }
  const end = decideEnd(error, strike, state, backoff)
  // What the bus did says nothing about the message.
  if (isBusError(error)) return end
  if (end.kind === 'later' && !(error instanceof RetryLater)) strikes.set(key, strike)
  else strikes.delete(key)
  return end
}

async function reportFailure<T>(
  what: Handling<T>,
  { body, message }: Held<T>,
  end: End,
  { bus, log, stop }: HandlingDeps,
  span: Span,
): Promise<void> {
  if (!('failure' in end) || !end.failure) return
  const { failure } = end
  span.setStatus({ code: SpanStatusCode.ERROR, message: failure.code })
  span.setAttribute('error.type', failure.code)
  const permanent = end.kind === 'term'
  const patience = { signal: stop.abort, log }
  if (what.report) {
    const report = what.report(body, failure, permanent)
    await patiently(() => publish(bus, report), patience)
    if (end.kind === 'later') await patiently(async () => end.markReported?.(), patience)
  } else if (permanent)
    await patiently(() => publishDeadLetter(bus, what, message, failure.message), patience)
}

/**
 * Tells the server how it ended. An abandoned message is somebody else's: nothing is said of it. `term` goes without a
 * reason: nats-server before 2.10.4 does not understand one, and would deliver the message for ever.
 */
function settle(message: JsMsg, end: End): void {
  if (end.kind === 'ack') message.ack()
  else if (end.kind === 'term') message.term()
  // A fraction of a nanosecond would be no delay at all: the server takes whole ones only.
  else if (end.kind === 'later') message.nak(Math.ceil(end.delayMs))
  else if (end.kind === 'handBack') message.nak()
}

function logEnd(log: Logger, end: End, error: unknown, deliveries: number): void {
  const fields = {
    end: end.kind,
    deliveries,
    ...('failure' in end && end.failure ? { code: end.failure.code } : {}),
  }
  if (end.kind === 'term') log.error(fields, messageOf(error))
  else if (end.kind === 'later') log.warn({ ...fields, delayMs: end.delayMs }, messageOf(error))
  else log.info(fields, messageOf(error))
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
