/**
 * The loop every daemon lives in, and the only place that acks. It pulls a bounded backlog, keeps it alive, chooses what
 * to work on next, parses, traces, calls the handler, publishes what came back and only then acks.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { ConsumerMessages, JsMsg } from '@nats-io/jetstream'
import { type Span, SpanStatusCode } from '@opentelemetry/api'
import type { Logger } from 'pino'
import { isBusError } from '../bus/bus-errors.ts'
import { type Bus, onStatus } from '../bus/connect.ts'
import { parseMessage } from '../bus/parse-message.ts'
import { patiently } from '../bus/patiently.ts'
import { type Outgoing, publish, publishAll } from '../bus/publish.ts'
import { tellLoss } from '../bus/streams/report-loss.ts'
import { restoreOwned } from '../bus/streams/restore-owned.ts'
import { ackWaitMs, belongsTo, ensureConsumer, isMissing, keepsNewest } from '../bus/streams/topology.ts'
import type { Backoff } from '../contracts/backoff.ts'
import { type Failure, RetryLater } from '../contracts/errors.ts'
import { type ConsumerName, ownerOf, type StreamName } from '../contracts/subjects.ts'
import type { z } from '../contracts/zod.ts'
import { watchConsumer } from '../telemetry/health.ts'
import { inWork, type Work } from '../telemetry/logs/work-context.ts'
import {
  deadLettersTotal,
  messagesTotal,
  queueWaitSeconds,
  redeliveriesTotal,
} from '../telemetry/metrics/metrics.ts'
import { queueOf, showQueue } from '../telemetry/metrics/queues.ts'
import { inMessageSpan } from '../telemetry/traces/message-span.ts'
import { deadLetterOf } from './dead-letter.ts'
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

export interface Consumption<T> {
  readonly stream: StreamName
  readonly consumer: ConsumerName
  readonly filter?: string
  /** Of the subject's messages; undefined for a subject nobody should have published on. */
  readonly schemaOf: (subject: string) => z.ZodType<T> | undefined
  /** Returns the messages to publish. Must be safe to run twice. */
  readonly handle: (received: Received<T>) => Promise<readonly Outgoing[]>
  /** What to publish for a failure; without it a permanent failure goes to the dead letters. */
  readonly report?: (body: T, failed: Failure, permanent: boolean) => Outgoing
  readonly concurrency: number
  /** Which waiting message may start now, given those at work; undefined: none yet. Default: the oldest. */
  readonly choose?: (waiting: readonly T[], working: readonly T[]) => T | undefined
  /** It waits for something else than its turn, so that messages behind it are pulled besides. */
  readonly isParked?: (body: T) => boolean
}

export interface ConsumeDeps {
  readonly bus: Bus
  readonly log: Logger
  /** Shorter in tests. */
  readonly timing?: Partial<ConsumeTiming>
}

/** All in milliseconds. */
export interface ConsumeTiming {
  /** How long the server waits for a sign of life before it delivers a message again. */
  readonly ackWaitMs: number
  /** How long running handlers may go on after a stop was asked for, before they are aborted. */
  readonly stopGraceMs: number
  /** Before the next attempt after an error that nobody expected. */
  readonly backoff: Backoff
}

/** Messages held at most: what waits here is kept alive, the rest waits in the stream. */
const backlog = 256
const defaults: ConsumeTiming = {
  ackWaitMs,
  stopGraceMs: 4_000,
  backoff: { firstMs: 1_000, longestMs: 60_000 },
}
/** How long a pull waits, and how often the server says meanwhile that it is still there (milliseconds). */
const pullTimes = { expires: 20_000, idle_heartbeat: 5_000 }
/** Before a message comes again whose failure or unreadable body could not be told to anybody (milliseconds). */
const untoldMs = 1_000

/** How long a stop waits for a server that may be away (milliseconds). */
const tidyMs = 1_000

interface Held<T> {
  message: JsMsg
  readonly body: T
}

/** What tells a message from every other: sequences alone start again in a stream that was made anew. */
const keyOf = (message: JsMsg) => `${message.seq} ${message.timestampNanos}`

/** Starts consuming. Disposing hands back what waits, lets running handlers finish or aborts them, and returns when none is left. */
export async function consume<T>(
  what: Consumption<T>,
  { bus, log, timing }: ConsumeDeps,
): Promise<AsyncDisposable> {
  const { ackWaitMs, stopGraceMs, backoff } = { ...defaults, ...timing }
  const stop = new AbortController()
  const daemon = ownerOf(what.consumer)
  const ensure = () =>
    ensureConsumer(bus, what.stream, what.consumer, what.filter, { ackWaitMs, signal: stop.signal })
  await ensure()
  const consumer = await bus.js.consumers.get(what.stream, what.consumer)
  const waiting = new Map<string, Held<T>>()
  const working = new Map<string, Held<T>>()
  /** When each item at work was begun, and the last pull that came to something (monotonic, milliseconds). */
  const begun = new Map<string, number>()
  let lastPull: number | null = performance.now()
  /** How often in a row a message met an error that nobody expected. */
  const strikes = new Map<string, number>()
  const running = new Set<Promise<void>>()
  const abort = new AbortController()
  let stopping = false
  let pull: ConsumerMessages | undefined
  let room = Promise.withResolvers<void>()
  /** When we stop: the server has no pull request of ours any more. */
  let pullGone: Promise<unknown> = Promise.resolve()

  let heartbeat: NodeJS.Timeout | undefined

  /** As long as there is anything to keep alive: an idle daemon sleeps. */
  function keepAlive(): void {
    heartbeat ??= setInterval(() => {
      const held = [...waiting.values(), ...working.values()]
      for (const { message } of held) message.working()
      if (held.length > 0) return
      clearInterval(heartbeat)
      heartbeat = undefined
    }, ackWaitMs / 3)
  }

  function startWork(): void {
    while (!stopping && working.size < what.concurrency && waiting.size > 0) {
      const next = pick()
      if (!next) return
      const [key, held] = next
      waiting.delete(key)
      working.set(key, held)
      begun.set(key, performance.now())
      observeWait(held.message)
      const work = workOn(held).finally(() => {
        working.delete(key)
        begun.delete(key)
        running.delete(work)
        room.resolve()
        startWork()
      })
      running.add(work)
    }
  }

  function pick(): [string, Held<T>] | undefined {
    if (!what.choose) return waiting.entries().next().value
    const chosen = what.choose(
      [...waiting.values()].map((held) => held.body),
      [...working.values()].map((held) => held.body),
    )
    return waiting.entries().find(([, held]) => held.body === chosen)
  }

  const queue = queueOf(what.stream)

  /** Of first deliveries alone: what comes again has been looked at. */
  function observeWait({ redelivered, timestamp }: JsMsg): void {
    if (queue && !redelivered)
      queueWaitSeconds.observe({ queue }, Math.max(0, Date.now() - Date.parse(timestamp)) / 1_000)
  }

  async function accept(message: JsMsg): Promise<void> {
    lastPull = performance.now()
    if (message.redelivered) redeliveriesTotal.inc({ consumer: what.consumer })
    const key = keyOf(message)
    const known = waiting.get(key) ?? working.get(key)
    if (known) {
      known.message = message
      return
    }
    // What had come before the pull was stopped is handed back too, or it would lie idle for the whole ack wait.
    if (stopping) {
      await pullGone
      return message.nak()
    }
    // A message that was led here keeps the subject that its sender may publish on.
    const schema = belongsTo(what.stream, message.subject) ? what.schemaOf(message.subject) : undefined
    const parsed = parseMessage(schema, message.data)
    if ('reason' in parsed) {
      log.error(
        { subject: message.subject, reason: parsed.reason },
        'a message cannot be read: kept as a dead letter',
      )
      await bury(message, parsed.reason)
      return
    }
    dropReplaced(message)
    waiting.set(key, { message, body: parsed.body })
    keepAlive()
    startWork()
  }

  /** A newer run's item has taken an older one's place in the queue: what of that still waits here is not to be done. */
  function dropReplaced({ subject, seq }: JsMsg): void {
    if (!keepsNewest(what.stream)) return
    for (const [key, { message }] of waiting)
      if (message.subject === subject && message.seq < seq) {
        waiting.delete(key)
        message.term()
      }
  }

  /** The messages behind it must not suffer where the dead letters cannot be reached. */
  async function bury(message: JsMsg, reason: string): Promise<void> {
    try {
      await publish(bus, deadLetterOf(what, message, reason))
      deadLettersTotal.inc()
      message.term()
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'could not keep a dead letter yet: the message will come again')
      message.nak(untoldMs)
    }
  }

  function workOn(held: Held<T>): Promise<void> {
    const { run, entry, credd, node } = held.body as Work
    return inMessageSpan(what.consumer, held.message, run, async (span) => {
      const end = await inWork({ run, entry, credd, node }, () => runHandler(held, span))
      messagesTotal.inc({ consumer: what.consumer, end: end.kind })
      span.setAttribute('managed_tokens.end', end.kind)
    })
  }

  async function runHandler(held: Held<T>, span: Span): Promise<End> {
    const { deliveryCount: deliveries, pending } = held.message.info
    let end: End
    try {
      const subject = held.message.subject
      const outgoing = await what.handle({
        body: held.body,
        subject,
        deliveries,
        pending,
        signal: abort.signal,
        log,
      })
      await patiently(() => publishAll(bus, outgoing), { signal: abort.signal, log })
      strikes.delete(keyOf(held.message))
      end = { kind: 'ack' }
    } catch (error) {
      end = judge(error, keyOf(held.message))
      logEnd(log, end, error, deliveries)
    }
    try {
      await reportFailure(held, end, span)
      await pullGone
      settle(held.message, end)
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'could not report a failure yet: the message will come again')
      held.message.nak(untoldMs)
    }
    return end
  }

  /** Counts errors that nobody expected by themselves: a message may have come many times for good reasons. */
  function judge(error: unknown, key: string): End {
    const strike = (strikes.get(key) ?? 0) + 1
    const end = decideEnd(error, strike, { stopping, aborted: abort.signal.aborted }, backoff)
    // What the bus did says nothing about the message.
    if (isBusError(error)) return end
    if (end.kind === 'later' && !(error instanceof RetryLater)) strikes.set(key, strike)
    else strikes.delete(key)
    return end
  }

  async function reportFailure(held: Held<T>, end: End, span: Span): Promise<void> {
    if (!('failure' in end) || !end.failure) return
    span.setStatus({ code: SpanStatusCode.ERROR, message: end.failure.code })
    span.setAttribute('error.type', end.failure.code)
    const permanent = end.kind === 'term'
    const patience = { signal: abort.signal, log }
    if (what.report) {
      const report = what.report(held.body, end.failure, permanent)
      await patiently(() => publish(bus, report), patience)
      if (end.kind === 'later') await patiently(async () => end.markReported?.(), patience)
    } else if (permanent) {
      const letter = deadLetterOf(what, held.message, end.failure.message)
      await patiently(() => publish(bus, letter), patience)
      deadLettersTotal.inc()
    }
  }

  /** How many wait for their turn alone. */
  function countTurns(): number {
    const { isParked } = what
    return isParked ? [...waiting.values()].filter(({ body }) => !isParked(body)).length : waiting.size
  }

  async function pullForEver(): Promise<void> {
    while (!stopping) {
      const free = backlog - countTurns() - working.size
      if (free <= 0) {
        room = Promise.withResolvers()
        await room.promise
        continue
      }
      try {
        pull = await consumer.fetch({ max_messages: free, ...pullTimes })
        if (stopping) pull.stop()
        for await (const message of pull) await accept(message)
        lastPull = performance.now()
      } catch (error) {
        if (stopping) return
        lastPull = null
        log.warn({ consumer: what.consumer, reason: messageOf(error) }, 'cannot pull messages: trying again')
        await sleep(500, undefined, { signal: stop.signal }).catch(() => undefined)
        await heal().catch((failed) =>
          log.warn({ reason: messageOf(failed) }, 'could not make again what is missing'),
        )
      }
    }
  }

  /** A store that was lost, a stream or a consumer that was deleted is made again; the next run fills it. */
  async function heal(): Promise<void> {
    await restoreOwned(daemon, { bus, log })
    const { created: before } = await consumer.info(true)
    const isLost = await isMissing(() => consumer.info())
    await ensure()
    if (!isLost) return
    const { created } = await consumer.info()
    // With its stream it was lost too, and that is told already.
    const { created: streamMade } = await bus.jsm.streams.info(what.stream)
    if (streamMade < before)
      tellLoss({ kind: 'consumer', name: what.consumer, madeAgain: created }, daemon, { bus, log })
  }

  const shown = new DisposableStack()
  shown.use(
    watchConsumer(what.consumer, () => ({
      lastPull,
      working: working.size,
      oldestWork: begun.size > 0 ? Math.min(...begun.values()) : null,
    })),
  )
  if (queue)
    shown.use(
      showQueue(queue, async () => {
        const { num_pending, num_ack_pending } = await consumer.info()
        return num_pending + num_ack_pending
      }),
    )
  const pulling = pullForEver()
  // A pull request dies with the server: ask again at once instead of waiting for it to expire.
  shown.use(onStatus(bus.nc, { reconnect: () => pull?.stop() }))

  return {
    async [Symbol.asyncDispose]() {
      stopping = true
      shown.dispose()
      stop.abort()
      pull?.stop()
      room.resolve()
      // nats-server 2.9 loses track of what is handed back while it remembers a pull that nobody listens to any more, and
      // keeps it for the ack wait. Asked for the consumer, it tidies up.
      pullGone = Promise.race([
        consumer.info().catch(() => undefined),
        sleep(tidyMs, undefined, { ref: false }),
      ])
      await pullGone
      for (const held of waiting.values()) held.message.nak()
      waiting.clear()
      const grace = setTimeout(() => abort.abort(new Error('stopping')), stopGraceMs)
      await Promise.allSettled(running)
      clearTimeout(grace)
      abort.abort(new Error('stopped'))
      clearInterval(heartbeat)
      await pulling
    },
  }
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
