/** What administrators are told, where else they can be reached, of a message that was given up; once a day and addressee. Pure. */
import type { DeadLetter } from '../../shared/messages.ts'
import { cleanLine } from '../../shared/outcome-text.ts'
import { encodeToken } from '../../shared/subjects.ts'
import type { Notice } from './dead-letter.ts'

/**
 * The end of the subject of a message that says nothing else: nobody is told when it cannot be delivered either, or two dead
 * channels would tell each other for ever.
 */
const wordMark = 'undelivered'

/** The subject in the outbox of a message with such words alone. */
export const markAsWord = (subject: string) => `${subject}.${wordMark}`

/** The word about a dead letter out of `NOTIFY`, for every way but the one that did not work; undefined where there is none. */
export function noticeOfUndelivered(letter: DeadLetter): Notice | undefined {
  const [, channel = '', addressee = '', mark] = letter.subject.split('.')
  if (mark === wordMark) return undefined
  const day = letter.at.slice(0, 'YYYY-MM-DD'.length)
  return {
    id: [wordMark, ...[channel, addressee, day].map(encodeToken)].join('.'),
    title: `a message by ${channelName(channel)} could not be delivered: ${subjectOf(letter.body)}`,
    message: cleanLine(letter.reason),
    code: 'notification-failed',
    action:
      'Put the way to its addressee right; managed-tokens notify test says when it is. Further messages to the same addressee are not announced today. All are kept for 30 days: nats stream view DEAD --subject dead.notify.notifier-outbox',
    notBy: letter.subject,
  }
}

const channelName = (channel: string) => ({ email: 'mail', slack: 'Slack' })[channel] ?? cleanLine(channel)

/** The subject of the message, as far as what is kept of it shows one. */
function subjectOf(body: string): string {
  const found = /"subject":("(?:[^"\\]|\\.)*")/.exec(body)?.[1]
  try {
    return cleanLine(String(JSON.parse(found ?? '')))
  } catch {
    return 'one that cannot be read'
  }
}
