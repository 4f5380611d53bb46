/** Delivers one message of the outbox: it waits there until SMTP or Slack has taken it, and is delivered once. */
import type { KV } from '@nats-io/kv'
import type { Site } from '../../shared/config/site.ts'
import type { Received } from '../../shared/consume.ts'
import { backoffMs } from '../../shared/ends.ts'
import { failure, Permanent, RetryLater, Transient } from '../../shared/errors.ts'
import { type Notification, timestamp } from '../../shared/messages.ts'
import type { Outgoing } from '../../shared/publish.ts'
import { encodeToken } from '../../shared/subjects.ts'
import { sendMail } from './email.ts'
import { postToSlack } from './slack.ts'

export interface OutboxDeps {
  readonly site: () => Site
  readonly runs: KV
}

/** Wait between attempts (milliseconds). */
const backoff = { firstMs: 1_000, longestMs: 5 * 60_000 }

/** Handles `notify.<channel>.<addressee>`. */
export async function deliver(
  { body, deliveries, log }: Received<Notification>,
  deps: OutboxDeps,
): Promise<readonly Outgoing[]> {
  const key = `${body.run}.sent.${encodeToken(body.id)}`
  const sent = await deps.runs.get(key)
  if (sent?.operation === 'PUT') return []
  try {
    await send(body, deps.site())
  } catch (error) {
    if (error instanceof Transient) {
      log.warn({ channel: body.channel, code: error.failure.code }, error.failure.message)
      throw new RetryLater(backoffMs(deliveries, backoff))
    }
    throw error
  }
  await deps.runs.put(key, timestamp())
  log.info({ channel: body.channel }, 'a message was delivered')
  return []
}

async function send(message: Notification, site: Site): Promise<void> {
  if (message.channel === 'email') {
    if (!site.email)
      throw new Permanent(failure('notification-failed', 'No mail server is configured (section email).'))
    return sendMail(message, site.email)
  }
  const { slackUrl } = message.to === 'admin_test' ? site.notificationsTest : site.notifications
  if (!slackUrl) throw new Permanent(failure('notification-failed', 'No Slack webhook is configured.'))
  return postToSlack(message, slackUrl)
}
