/** The loop every daemon lives in: it pulls a bounded backlog, chooses what to work on next, and has it worked on. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Consumer, JsMsg } from '@nats-io/jetstream'
import type { Logger } from 'pino'
import type { Bus } from '../../bus/connect.ts'
import { parseMessage } from '../../bus/parse-message.ts'
import { patiently } from '../../bus/patiently.ts'
import {
  ackWaitMs,
  belongsTo,
  ensureConsumer,
  keepsNewest,
  unlessMissing,
} from '../../bus/streams/topology.ts'
import type { Backoff } from '../../contracts/backoff.ts'
import type { StreamName } from '../../contracts/subjects.ts'
import type { z } from '../../contracts/zod.ts'
import { type ConsumerPulse, watchConsumer } from '../../telemetry/health.ts'
import { redeliveriesTotal } from '../../telemetry/metrics/metrics.ts'
import { queueOf, showQueue } from '../../telemetry/metrics/queues.ts'
import { Backlog, type Choice } from './backlog.ts'
import { publishDeadLetter } from './dead-letter.ts'
import { type Handling, type HandlingDeps, handleMessage, untoldMs } from './handle-message.ts'
import { startPulling } from './pull.ts'

export interface Consumption<T> extends Handling<T>, Choice<T> {
  readonly filter?: string
  /** Of the subject's messages; undefined for a subject nobody should have published on. */
  readonly schemaOf: (subject: string) => z.ZodType<T> | undefined
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

const defaults: ConsumeTiming = {
  ackWaitMs,
  stopGraceMs: 4_000,
  backoff: { firstMs: 1_000, longestMs: 60_000 },
}
/** How long a stop waits for a server that may be away (milliseconds). */
const tidyMs = 1_000

/** A consumption that is still to be started: what a daemon lists. */
export type Consuming = (deps: ConsumeDeps) => Promise<AsyncDisposable>

export const consuming =
  <T>(what: Consumption<T>): Consuming =>
  (deps) =>
    consume(what, deps)

/** Starts consuming. Disposing hands back what waits, lets running handlers finish or aborts them, and returns when none is left. */
export async function consume<T>(
  what: Consumption<T>,
  { bus, log, timing }: ConsumeDeps,
): Promise<AsyncDisposable> {
  const { ackWaitMs, stopGraceMs, backoff } = { ...defaults, ...timing }
  const stop = new AbortController()
  const abort = new AbortController()
  let pullGone: Promise<unknown> = Promise.resolve()
  const ensure = () =>
    ensureConsumer(bus, what.stream, what.consumer, what.filter, { ackWaitMs, signal: stop.signal })
  const find = () => bus.js.consumers.get(what.stream, what.consumer)
  let consumer: Consumer | undefined
  // Somebody may remove it, or its stream, as soon as it is made.
  while (!consumer) {
    await ensure()
    consumer = await patiently(() => unlessMissing(find), { signal: stop.signal })
  }
  const deps: HandlingDeps = {
    ...{ bus, log, backoff, strikes: new Map() },
    stop: { asked: stop.signal, abort: abort.signal, pullGone: () => pullGone },
  }
  const backlog = new Backlog<T>({
    ...what,
    ...{ ackWaitMs, keepsNewest: keepsNewest(what.stream) },
    work: (held) => handleMessage(what, held, deps),
  })
  const pulling = startPulling({
    ...{ stream: what.stream, name: what.consumer, consumer, ensure, bus, log, stop: stop.signal },
    room: () => backlog.room(),
    accept: (message) => accept(what, message, backlog, deps),
  })
  const shown = show(what, consumer, () => ({ lastPull: pulling.lastPull, ...backlog.pulse() }))
  return {
    async [Symbol.asyncDispose]() {
      shown.dispose()
      backlog.close()
      stop.abort()
      // nats-server 2.9 loses track of what is handed back while it remembers a pull that nobody listens to any more, and
      // keeps it for the ack wait. Asked for the consumer, it tidies up.
      pullGone = Promise.race([
        consumer.info().catch(() => undefined),
        sleep(tidyMs, undefined, { ref: false }),
      ])
      await pullGone
      backlog.handBack()
      const grace = setTimeout(() => abort.abort(new Error('stopping')), stopGraceMs)
      await backlog.ended()
      clearTimeout(grace)
      abort.abort(new Error('stopped'))
      backlog[Symbol.dispose]()
      await pulling.ended
    },
  }
}

/** Takes what was delivered into the backlog. What cannot be read is kept as a dead letter. */
async function accept<T>(
  what: Consumption<T>,
  message: JsMsg,
  backlog: Backlog<T>,
  { bus, log, stop }: HandlingDeps,
): Promise<void> {
  if (message.redelivered) redeliveriesTotal.inc({ consumer: what.consumer })
  if (backlog.renew(message)) return
  // What had come before the pull was stopped is handed back too, or it would lie idle for the whole ack wait.
  if (stop.asked.aborted) {
    await stop.pullGone()
    return message.nak()
  }
  // A message that was led here keeps the subject that its sender may publish on.
  const schema = belongsTo(what.stream, message.subject) ? what.schemaOf(message.subject) : undefined
  const parsed = parseMessage(schema, message.data)
  if ('body' in parsed) return backlog.add({ message, body: parsed.body })
  const { reason } = parsed
  log.error({ subject: message.subject, reason }, 'a message cannot be read: kept as a dead letter')
  try {
    await publishDeadLetter(bus, what, message, reason)
    message.term()
  } catch (error) {
    // The messages behind it must not suffer where the dead letters cannot be reached.
    const why = (error as Error).message
    log.warn({ reason: why }, 'could not keep a dead letter yet: the message will come again')
    message.nak(untoldMs)
  }
}

/** Shows in health and metrics how the consumer fares. */
function show(
  { stream, consumer: name }: { readonly stream: StreamName; readonly consumer: string },
  consumer: Consumer,
  pulse: () => ConsumerPulse,
): DisposableStack {
  const shown = new DisposableStack()
  shown.use(watchConsumer(name, pulse))
  const queue = queueOf(stream)
  if (!queue) return shown
  const depth = async () => {
    const { num_pending, num_ack_pending } = await consumer.info()
    return num_pending + num_ack_pending
  }
  shown.use(showQueue(queue, depth))
  return shown
}
