/** Tells the administrators of each message that could not be handled, once. */
import type { Site } from '../../shared/config/site.ts'
import type { Received } from '../../shared/consume.ts'
import { type DeadLetter, type Notification, schemaVersion, timestamp } from '../../shared/messages.ts'
import { cleanLine } from '../../shared/outcome-text.ts'
import type { Outgoing } from '../../shared/publish.ts'
import { notifySubject } from '../../shared/subjects.ts'

/** Handles `dead.>`. What lies in the outbox itself is not announced: that would go round in circles. */
export async function announceDeadLetter(
  { body, subject }: Received<DeadLetter>,
  site: () => Site,
): Promise<readonly Outgoing[]> {
  const { notifications, disableNotifications } = site()
  if (disableNotifications || subject.startsWith('dead.notify.')) return []
  const id = `${subject}.${body.sequence}`
  const text = [
    `A message on ${cleanLine(body.subject)} could not be handled: ${cleanLine(body.reason)}`,
    `It is kept for 30 days: nats stream view DEAD --subject ${subject}`,
  ].join('\n')
  const compose = (channel: 'email' | 'slack', to: string): Outgoing => {
    const message: Notification = {
      schema: schemaVersion,
      run: deadRun,
      at: timestamp(),
      ...{ channel, to },
      id: `${id}.${channel}.${to}`,
      subject: `managed-tokens: a message could not be handled (${subject})`,
      text,
    }
    return { kind: 'fact', subject: notifySubject(channel, to), id: message.id, body: message }
  }
  return [
    ...(notifications.slackUrl ? [compose('slack', 'admin')] : []),
    ...notifications.adminEmail.map((to) => compose('email', to)),
  ]
}

/** Dead letters belong to no run; the schema wants an id. */
const deadRun = '00000000000000000000000000'
