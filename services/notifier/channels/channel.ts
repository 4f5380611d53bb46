/** Where a message goes: the transport, the hook and the server that the configuration names for its addressee. */
import type { MailServer, Site } from '../../../shared/config/site.ts'
import type { Notification } from '../../../shared/contracts/messages.ts'
import { cleanLine } from '../../../shared/contracts/one-sentence.ts'
import { isMailed } from './channels-of.ts'
import type { Delivery } from './delivery.ts'
import type { Handover } from './handover.ts'
import { postJson } from './post-json.ts'
import { slackPayload } from './slack.ts'
import { alertsOf, isAlertmanager, webhookPayload } from './webhook.ts'

export interface Channel {
  /** What is paced and left alone as one. May be a secret: never logged. */
  readonly endpoint: string
  /** Between two messages (milliseconds). */
  readonly everyMs: number
  readonly send: (message: Notification, options: Handover) => Promise<Delivery>
}

/** Slack takes one message a second and hook. */
const hookEveryMs = 1_000

/** The channel of a message, or why there is none: nothing goes to anybody whom the configuration does not name now. */
export function findChannel(
  { channel, to }: Pick<Notification, 'channel' | 'to'>,
  site: Site,
): Channel | { readonly why: string } {
  if (channel === 'email') {
    if (!isMailed(to, site)) return { why: `${cleanLine(to)} is no address of the configuration.` }
    return site.email ? mailChannel(site.email) : { why: 'No mail server is configured (section email).' }
  }
  const url = hookOf(channel, to, site)
  if (url !== undefined) return channel === 'slack' ? slackChannel(url) : webhookChannel(url)
  return {
    why: `No ${channel === 'slack' ? 'Slack webhook' : 'webhook'} is configured for ${cleanLine(to)}.`,
  }
}

function hookOf(channel: 'slack' | 'webhook', to: string, site: Site): string | undefined {
  const experiment = /^experiment:(.*)$/s.exec(to)?.[1]
  if (experiment !== undefined) {
    const isKnown = channel === 'slack' && Object.hasOwn(site.experimentSlack, experiment)
    return isKnown ? site.experimentSlack[experiment] : undefined
  }
  const recipients = new Map([
    ['admin', site.notifications],
    ['admin_test', site.notificationsTest],
  ]).get(to)
  return channel === 'slack' ? recipients?.slackUrl : recipients?.webhookUrl
}

const mailChannel = (server: MailServer): Channel => ({
  endpoint: `${server.smtpHost}:${server.smtpPort}`,
  everyMs: 0,
  async send(message, options) {
    // Loaded here: most of the time there is no mail to send.
    const { sendMail } = await import('./email.ts')
    return sendMail(message, server, options)
  },
})

const slackChannel = (url: string): Channel => ({
  endpoint: url,
  everyMs: hookEveryMs,
  send: (message, options) => post(url, slackPayload(message), 'Slack', options),
})

const webhookChannel = (url: string): Channel => ({
  endpoint: url,
  everyMs: hookEveryMs,
  send: (message, options) =>
    isAlertmanager(url)
      ? post(url, alertsOf(message), 'Alertmanager', options)
      : post(url, webhookPayload(message), 'The webhook', options),
})

async function post(url: string, body: object, name: string, { aboutToSend, signal, patience }: Handover) {
  await aboutToSend?.()
  return postJson(url, body, {
    name,
    ...(signal ? { signal } : {}),
    ...(patience ? { patienceMs: patience.untilAgreedMs } : {}),
  })
}
