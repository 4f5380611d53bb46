/** Which message may go out beside those on their way: a server or an addressee that is slow holds up nobody else. Pure. */
import type { Notification } from '../../../shared/contracts/messages.ts'

/** Messages on their way at the same time. */
export const mostAtOnce = 32
/** Of these, mails: all of them go through one server. */
const mostMails = 16

/** The oldest message whose addressee has none on its way; undefined while every one has to wait. */
export function chooseMessage(
  waiting: readonly Notification[],
  working: readonly Notification[],
): Notification | undefined {
  const busy = new Set(working.map(addressee))
  const noMail = working.filter(({ channel }) => channel === 'email').length >= mostMails
  return waiting.find((message) => !busy.has(addressee(message)) && !(noMail && message.channel === 'email'))
}

const addressee = ({ channel, to }: Notification) => `${channel} ${to}`
