/** The channels to people: under which names the outbox knows them, and which keys of the configuration open them. Pure. */
import type { Site } from '../../../shared/config/site.ts'
import type { Notification } from '../../../shared/contracts/messages.ts'

/** One of them. `to` is a mail address or names a hook, and is never its URL. */
export interface ChannelTo {
  readonly channel: Notification['channel']
  readonly to: string
  /** The key of the configuration that opens it. */
  readonly key: string
}

/** All channels to the administrators: `admin`, or `admin_test` for what concerns tests. */
export function channelsToAdmins(
  { notifications, notificationsTest }: Pick<Site, 'notifications' | 'notificationsTest'>,
  to: 'admin' | 'admin_test',
): ChannelTo[] {
  const [section, recipients] =
    to === 'admin' ? ['notifications', notifications] : ['notifications_test', notificationsTest]
  const { slackUrl, webhookUrl, adminEmail } = recipients
  return [
    ...(slackUrl ? [{ channel: 'slack', to, key: `${section}.SLACK_ALERTS_URL` } as const] : []),
    ...(webhookUrl ? [{ channel: 'webhook', to, key: `${section}.webhook` } as const] : []),
    ...mailsTo(adminEmail, `${section}.admin_email`),
  ]
}

/** One for each address under `key`. */
export const mailsTo = (addresses: readonly string[], key: string): ChannelTo[] =>
  addresses.map((to) => ({ channel: 'email', to, key }))

/** Whether the configuration has this address anywhere: mail goes to nobody else, whoever asks for it. */
export function isMailed(
  address: string,
  {
    notifications,
    notificationsTest,
    entries,
  }: Pick<Site, 'notifications' | 'notificationsTest' | 'entries'>,
): boolean {
  const addresses = [
    ...notifications.adminEmail,
    ...notificationsTest.adminEmail,
    ...entries.flatMap(({ emails }) => emails),
  ]
  return addresses.includes(address)
}

/** The name under which the outbox knows an experiment's Slack webhook. */
export const experimentHook = (experiment: string) => `experiment:${experiment}`
