/**
 * The outbox: a message waits in `NOTIFY` until its channel has taken it, for a day at most, and is delivered once. Killed
 * between handing it over and writing that down, it goes out a second time under the same id: better twice than never.
 */
import type { KV } from '@nats-io/kv'
import { patiently } from '../../../shared/bus/patiently.ts'
import type { Outgoing } from '../../../shared/bus/publish.ts'
import type { Site } from '../../../shared/config/site.ts'
import { backoffMs } from '../../../shared/contracts/backoff.ts'
import { failedWith, RetryLater } from '../../../shared/contracts/errors.ts'
import { type Notification, notification } from '../../../shared/contracts/messages.ts'
import { onSubject } from '../../../shared/contracts/on-subject.ts'
import { notifySubject } from '../../../shared/contracts/subjects.ts'
import type { z } from '../../../shared/contracts/zod.ts'
import type { Received } from '../../../shared/work/consume/handle-message.ts'
import { findChannel } from '../channels/channel.ts'
import type { Delivery } from '../channels/delivery.ts'
import type { Patience } from '../channels/handover.ts'
import { measureDelivery } from '../metrics/measure.ts'
import { markAsWord } from '../news/undelivered.ts'
import type { RateLimiter } from './rate-limiter.ts'
import { openSentRecord } from './sent-record.ts'

export interface OutboxDeps {
  readonly site: () => Site
  readonly runs: KV
  readonly limiter: RateLimiter
  /** Ids of what was taken and could not be written down: the bus was away. */
  readonly unrecorded: Set<string>
  readonly now?: () => number
  /** Shorter in tests. */
  readonly patience?: Patience
}

/** For how long a message is tried, by its own time (milliseconds). */
const dayMs = 24 * 60 * 60 * 1_000
/** Wait between attempts (milliseconds). */
const backoff = { firstMs: 1_000, longestMs: 5 * 60_000 }

/** Of what comes on `notify.>`: on the subject of its addressee, marked or not. */
export const schemaOfNotification = (subject: string): z.ZodType<Notification> =>
  onSubject(subject, notification, ({ channel, to }) => {
    const own = notifySubject(channel, to)
    return subject === markAsWord(own) ? subject : own
  })

/** Handles `notify.<channel>.<addressee>`. What is given up goes to the dead letters. */
export async function deliver(
  { body, deliveries, log, signal }: Received<Notification>,
  deps: OutboxDeps,
): Promise<readonly Outgoing[]> {
  const { limiter, unrecorded, now = Date.now } = deps
  const record = openSentRecord(deps.runs, body)
  const state = await record.read()
  if (state === 'sent') return []
  if (unrecorded.has(body.id)) {
    await record.write('sent')
    unrecorded.delete(body.id)
    return []
  }
  const channel = findChannel(body, deps.site())
  if ('why' in channel) throw failedWith('notification-failed', channel.why)
  const { endpoint, everyMs, send } = channel
  /** How long it may wait yet; the last wait ends with the day, so that it is given up in time. */
  const leftMs = Date.parse(body.at) + dayMs - now()
  const later = (ms: number, why: string) =>
    leftMs > 0
      ? new RetryLater(Math.min(ms, leftMs))
      : failedWith('notification-failed', `Not delivered within a day: ${why}`)

  const rest = limiter.resting(endpoint)
  if (rest) throw later(rest.ms, rest.why)
  await limiter.awaitTurn(endpoint, everyMs, signal)
  if (state === 'sending') log.warn({ channel: body.channel }, 'this message may have gone out before')
  const delivery = await measureDelivery(body, deps.site(), () =>
    send(body, {
      aboutToSend: () => record.write('sending'),
      ...{ signal, patience: deps.patience },
    }),
  )
  const restMs = settleRate(delivery, endpoint, limiter)
  if (delivery.end === 'refused') throw failedWith('notification-failed', delivery.why)
  if (delivery.end === 'later') {
    log.warn({ channel: body.channel, code: 'notification-failed' }, delivery.why)
    throw later(Math.max(backoffMs(deliveries, backoff), restMs), delivery.why)
  }
  unrecorded.add(body.id)
  await patiently(() => record.write('sent'), { signal, log })
  unrecorded.delete(body.id)
  log.info({ channel: body.channel }, 'a message was delivered')
  return []
}

/** A server that takes nothing is left alone for a while; one that answers is awake. Returns the rest (milliseconds). */
function settleRate(delivery: Delivery, endpoint: string, limiter: RateLimiter): number {
  if (delivery.end === 'later' && delivery.trouble === 'server')
    return limiter.rest(endpoint, delivery.why, delivery.afterMs)
  limiter.wake(endpoint)
  return 0
}
