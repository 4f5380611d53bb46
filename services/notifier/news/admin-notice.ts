/** A message to the administrators alone, on every channel they have: for what concerns no entry of a run. Pure. */

import type { Outgoing } from '../../../shared/bus/publish.ts'
import type { Site } from '../../../shared/config/site.ts'
import { envelope } from '../../../shared/contracts/envelope.ts'
import type { Notification } from '../../../shared/contracts/messages.ts'
import { cleanLine } from '../../../shared/contracts/one-sentence.ts'
import { notifySubject } from '../../../shared/contracts/subjects.ts'
import { channelsToAdmins } from '../channels/channels-of.ts'

export interface AdminNotice {
  readonly run: string
  /** The same for the same news: nobody hears it twice. */
  readonly id: string
  readonly subject: string
  readonly text: string
}

/** One message per addressee; none where notifications are switched off. */
export function noticesToAdmins({ run, id, subject, text }: AdminNotice, site: Site): Outgoing[] {
  if (site.disableNotifications) return []
  return channelsToAdmins(site, 'admin').map(({ channel, to }) => {
    const message: Notification = {
      ...envelope(),
      ...{ run, channel, to, subject, text },
      id: `${id}.${channel}.${to}`,
      rows: [{ kind: 'notice', headline: cleanLine(subject), message: '', action: '' }],
    }
    return { kind: 'fact', subject: notifySubject(channel, to), id: message.id, body: message }
  })
}
