/** Will people hear of failures: the mail server and the webhooks? Nothing is sent; `notify test` does that. */
import { readPassword } from '../../services/notifier/mail-password.ts'
import type { MailServer, Recipients, Site } from '../../shared/config/site.ts'
import { describeNetworkError } from '../../shared/http-error.ts'
import { cleanLine } from '../../shared/outcome-text.ts'
import { type Check, type Finding, ok, problem, warning } from './check.ts'
import { openTcp } from './network.ts'

const deadlineMs = 10_000

/** The mail server's greeting, and the shape of the webhooks' URLs. */
export function checkPeople(site: Site): Check[] {
  return [
    { about: 'mail', deadlineMs, look: (signal) => lookAtMail(site, signal) },
    { about: 'slack', deadlineMs, look: async () => lookAtSlack(site) },
  ]
}

async function lookAtMail({ email, notifications }: Site, signal: AbortSignal): Promise<Finding[]> {
  if (!email)
    return [warning('mail', 'nobody gets mail', 'set email.from, email.smtpHost and email.smtpPort')]
  const at = `${email.smtpHost}:${email.smtpPort}`
  const admins =
    notifications.adminEmail.length > 0
      ? []
      : [warning('mail', 'no administrator gets mail', 'set notifications.admin_email')]
  const soon = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs - 1_000)])
  try {
    // A server that wants TLS from the first byte says nothing before.
    const isSilent = email.tls === 'tls'
    const greeting = await openTcp(email.smtpHost, email.smtpPort, soon, !isSilent)
    const server =
      isSilent || greeting.startsWith('220')
        ? ok('mail', `${at} ${isSilent ? 'accepts connections' : 'greets'}`)
        : problem('mail', `${at} is no mail server, it says: ${cleanLine(greeting)}`, 'check email.smtpPort')
    return [server, ...(await lookAtPassword(email)), ...admins]
  } catch (error) {
    return [
      problem('mail', `${at}: ${describeNetworkError(error)}`, 'check email.smtpHost and smtpPort'),
      ...admins,
    ]
  }
}

async function lookAtPassword({ passwordFile }: MailServer): Promise<Finding[]> {
  const password = passwordFile === undefined ? { text: '' } : await readPassword(passwordFile)
  if ('text' in password) return []
  return [problem('mail', password.why, 'put it right; managed-tokens notify test says when it is')]
}

function lookAtSlack({ notifications, notificationsTest }: Site): Finding[] {
  return [
    judgeSlack('notifications', notifications),
    ...(notificationsTest.slackUrl ? [judgeSlack('notifications_test', notificationsTest)] : []),
    ...judgeWebhook('notifications', notifications),
    ...judgeWebhook('notifications_test', notificationsTest),
  ]
}

function judgeWebhook(section: string, { webhookUrl }: Recipients): Finding[] {
  if (!webhookUrl) return []
  const key = `${section}.webhook`
  return [isReadable(webhookUrl) ? readable('webhook', key) : ok('webhook', `${key} is set`)]
}

const readable = (about: string, key: string) =>
  problem(about, `${key} is not https: everybody on the way can read it`, 'use the https URL')

function isReadable(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return protocol !== 'https:' && !/^(127\.|localhost$|\[::1\]$)/.test(hostname)
}

/** Judges a webhook's URL without quoting it: whoever has it may post. Pure. */
export function judgeSlack(section: string, { slackUrl }: Recipients): Finding {
  const key = `${section}.SLACK_ALERTS_URL`
  if (!slackUrl)
    return warning('slack', `${key} is not set: nobody hears by Slack`, 'set it if you use Slack')
  const { hostname, pathname } = new URL(slackUrl)
  if (isReadable(slackUrl)) return readable('slack', key)
  if (hostname === 'hooks.slack.com' && !/^\/(services|workflows)\/\w+\/\w+/.test(pathname))
    return problem(
      'slack',
      `${key} is no webhook of Slack’s`,
      'copy it whole: https://hooks.slack.com/services/T…/B…/…',
    )
  if (hostname !== 'hooks.slack.com')
    return ok('slack', `${key} is set, to another host than hooks.slack.com`)
  return ok('slack', `${key} is set`)
}
