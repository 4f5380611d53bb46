/** `managed-tokens notify test`: sends a marked message to everybody who is configured, and says what happened to each. */
import { findChannel } from '../services/notifier/channels/channel.ts'
import { type Delivery, notNow, refused } from '../services/notifier/channels/delivery.ts'
import { createRateLimiter } from '../services/notifier/outbox/rate-limiter.ts'
import { loadSite } from '../shared/config/load.ts'
import { findConfigFile } from '../shared/config/read/find.ts'
import type { Site } from '../shared/config/site.ts'
import { timestamp } from '../shared/contracts/messages.ts'
import { cleanTexts } from '../shared/contracts/one-sentence.ts'
import { adviceOn, type TestMessage, testMessages } from './notify-messages.ts'
import { UsageError } from './terminal/errors.ts'

export interface NotifyTestOptions {
  readonly config?: string | undefined
  readonly experiment?: string | undefined
  readonly json?: boolean | undefined
}

interface Result {
  readonly channel: string
  readonly to: string
  readonly end: Delivery['end']
  /** Absent where it was delivered. */
  readonly why?: string
  readonly action?: string
}

/** Exit code 0: every message was taken; 1: one was not. Throws UsageError where there is nobody to send one to. */
export async function notifyTest({ config, experiment, json }: NotifyTestOptions): Promise<0 | 1> {
  const { site } = loadSite(findConfigFile(config))
  const messages = testMessages(site, { experiment, now: timestamp() })
  if (messages.length === 0) throw new UsageError(nobody(site, experiment))
  const limiter = createRateLimiter()
  const results = await Promise.all(
    messages.map((message) =>
      send(message, site, limiter).then((outcome) => {
        const result = cleanTexts(resultOf(message, outcome))
        if (!json) process.stdout.write(`${describe(result)}\n`)
        return result
      }),
    ),
  )
  if (json) process.stdout.write(`${JSON.stringify({ results })}\n`)
  else if (site.disableNotifications)
    process.stdout.write('Notifications are switched off (disableNotifications): only tests are sent.\n')
  return results.every(({ end }) => end === 'delivered') ? 0 : 1
}

/** Some channel may say things nobody has foreseen; the others are told of all the same. */
async function send(
  { body }: TestMessage,
  site: Site,
  limiter: ReturnType<typeof createRateLimiter>,
): Promise<Delivery> {
  const channel = findChannel(body, site)
  if ('why' in channel) return refused(channel.why)
  await limiter.awaitTurn(channel.endpoint, channel.everyMs)
  return channel.send(body, {}).catch((error: Error) => notNow(error.message))
}

function resultOf({ body, key }: TestMessage, outcome: Delivery): Result {
  const { channel, to } = body
  const shown = { channel: channel === 'email' ? 'mail' : channel, to: channel === 'email' ? to : key }
  if (outcome.end === 'delivered') return { ...shown, end: outcome.end }
  return { ...shown, end: outcome.end, why: outcome.why, action: adviceOn(channel, key, outcome) }
}

function describe({ channel, to, end, why, action }: Result): string {
  const words = { delivered: 'delivered', refused: 'refused', later: 'not delivered' }[end]
  const rest = why === undefined ? '' : `: ${why} ${action}`
  return `${channel.padEnd(7)}  ${to.padEnd(40)}  ${words}${rest}`
}

const nobody = ({ file }: Site, experiment: string | undefined) =>
  experiment === undefined
    ? `Nobody is configured in ${file}: set notifications.admin_email (with the section email), SLACK_ALERTS_URL or webhook.`
    : `${experiment} has neither emails nor slack in ${file}.`
