/** Will people hear of failures: the mail server and the webhooks? Nothing is sent; `notify test` does that. */
import { judgeMailError } from '../../services/notifier/channels/mail-error.ts'
import { readPassword } from '../../services/notifier/channels/mail-password.ts'
import { reachMailServer } from '../../services/notifier/channels/mail-transport.ts'
import type { MailServer, Recipients, Site } from '../../shared/config/site.ts'
import { exchange } from '../../shared/https/request.ts'
import { type Check, type Finding, ok, problem, warning } from './check.ts'

const deadlineMs = 10_000

/** The mail server as far as a mail, the shape of the webhooks' URLs, and the way to their hosts. */
export function checkPeople(site: Site): Check[] {
  return [
    { about: 'mail', deadlineMs, look: (signal) => lookAtMail(site, signal) },
    { about: 'slack', deadlineMs, look: (signal) => lookAtHooks(site, signal) },
  ]
}

async function lookAtMail({ email, notifications }: Site, signal: AbortSignal): Promise<Finding[]> {
  if (!email)
    return [warning('mail', 'nobody gets mail', 'set email.from, email.smtpHost and email.smtpPort')]
  const admins =
    notifications.adminEmail.length > 0
      ? []
      : [warning('mail', 'no administrator gets mail', 'set notifications.admin_email')]
  return [await lookAtMailServer(email, signal), ...admins]
}

/** Whatever is between here and a mail that could be handed over. */
async function lookAtMailServer(email: MailServer, signal: AbortSignal): Promise<Finding> {
  const password =
    email.passwordFile === undefined ? { text: undefined } : await readPassword(email.passwordFile)
  if ('why' in password)
    return problem('mail', password.why, 'put it right; managed-tokens notify test says when it is')
  const soon = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs - 1_000)])
  try {
    await reachMailServer(email, password.text, soon)
    return ok(
      'mail',
      `${at(email)} is ready for mails${password.text === undefined ? '' : ', and takes the login'}`,
    )
  } catch (error) {
    const delivery = judgeMailError(error, email)
    const says = delivery.end === 'delivered' ? at(email) : delivery.why.replace(/\.$/, '')
    return problem('mail', says, 'check email.smtpHost, email.smtpPort and email.tls')
  }
}

const at = ({ smtpHost, smtpPort }: MailServer) => `${smtpHost}:${smtpPort}`

async function lookAtHooks(
  { notifications, notificationsTest }: Site,
  signal: AbortSignal,
): Promise<Finding[]> {
  const hooks = [
    ...hooksOf('notifications', notifications),
    ...hooksOf('notifications_test', notificationsTest).filter(({ url }) => url !== undefined),
  ]
  const shapes = hooks.map(({ judge }) => judge())
  const urls = hooks.flatMap(({ url }, index) =>
    url && shapes[index]?.state === 'ok' ? [new URL(url).origin] : [],
  )
  const ways = await Promise.all([...new Set(urls)].map((origin) => lookAtWay(new URL(origin), signal)))
  return [...shapes, ...ways.flat()]
}

/** Slack's is told where there is none, since most sites have one. */
const hooksOf = (section: string, recipients: Recipients) => [
  { url: recipients.slackUrl, judge: () => judgeSlack(section, recipients) },
  ...(recipients.webhookUrl
    ? [{ url: recipients.webhookUrl, judge: () => judgeWebhook(section, recipients.webhookUrl ?? '') }]
    : []),
]

/** Asks for the host's front page: the hook itself would post. */
async function lookAtWay(front: URL, signal: AbortSignal): Promise<Finding[]> {
  try {
    await exchange(front, { timeoutMs: deadlineMs - 1_000, signal })
    return []
  } catch (error) {
    return [
      problem(
        'hooks',
        (error as Error).message,
        'check the network, the proxy, and whom this machine trusts',
      ),
    ]
  }
}

function judgeWebhook(section: string, url: string): Finding {
  const key = `${section}.webhook`
  return isReadable(url) ? readable('webhook', key) : ok('webhook', `${key} is set`)
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
