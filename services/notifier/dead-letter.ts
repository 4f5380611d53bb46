/** Tells the administrators of each message that could not be handled, once. */
import type { Site } from '../../shared/config/site.ts'
import type { Received } from '../../shared/consume.ts'
import type { DeadLetter } from '../../shared/messages.ts'
import { cleanLine } from '../../shared/outcome-text.ts'
import type { Outgoing } from '../../shared/publish.ts'
import { tellAdmins } from './admin-notice.ts'
import { announceUndelivered } from './undelivered.ts'

/** Handles `dead.>`. */
export async function announceDeadLetter(
  { body, subject }: Received<DeadLetter>,
  site: () => Site,
): Promise<readonly Outgoing[]> {
  if (subject.startsWith('dead.notify.')) return announceUndelivered(body, site())
  // Sequences start again in a stream that was made anew: the time tells two letters apart.
  const id = `${subject}.${body.sequence}.${body.at}`
  const text = [
    `A message on ${cleanLine(body.subject)} could not be handled: ${cleanLine(body.reason)}`,
    `It is kept for 30 days: nats stream view DEAD --subject ${subject}`,
  ].join('\n')
  return tellAdmins(
    {
      run: deadRun,
      id,
      subject: `managed-tokens: a message could not be handled (${subject})`,
      text,
    },
    site(),
  )
}

/** Dead letters belong to no run; the schema wants an id. */
const deadRun = '00000000000000000000000000'
