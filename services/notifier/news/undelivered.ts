/** What administrators are told, where else they can be reached, of a message that was given up; once a day and addressee. Pure. */
import type { DeadLetter } from '../../../shared/contracts/messages.ts'
import { cleanLine } from '../../../shared/contracts/one-sentence.ts'
import { encodeToken } from '../../../shared/contracts/subjects.ts'
import type { News } from './news.ts'

/** What administrators alone are told of a dead letter, before it is kept. */
export interface Notice extends Pick<News, 'title' | 'message' | 'action' | 'code' | 'notBy'> {
  /** As KV key tokens. The same for the same news: nobody hears it twice. */
  readonly id: string
}

/**
 * The end of the subject of a message that says nothing else: nobody is told when it cannot be delivered either, or two dead
 * channels would tell each other for ever.
 */
const wordMark = 'undelivered'

/** The subject in the outbox of a message with such words alone. */
export const markAsWord = (subject: string) => `${subject}.${wordMark}`

/** The word about a dead letter out of `NOTIFY`, for every channel but the one that did not work; undefined where there is none. */
export function noticeOfUndelivered(letter: DeadLetter): Notice | undefined {
  const [, channel = '', addressee = '', mark] = letter.subject.split('.')
  if (mark === wordMark) return undefined
  const day = letter.at.slice(0, 'YYYY-MM-DD'.length)
  return {
    id: [wordMark, ...[channel, addressee, day].map(encodeToken)].join('.'),
    title: `a message by ${channelName(channel)}${toWhom(letter.body)} could not be delivered: ${subjectOf(letter.body)}`,
    message: cleanLine(letter.reason),
    code: 'notification-failed',
    // Whole within the 200 characters of a line.
    action:
      'Mend it: managed-tokens notify test (-e EXPERIMENT) says when it works. Told once a day. The last: nats stream get DEAD --last-for dead.notify.notifier-outbox --js-api-prefix managed-tokens-js',
    notBy: letter.subject,
  }
}

const channelNames = new Map([
  ['email', 'mail'],
  ['slack', 'Slack'],
])
const channelName = (channel: string) => channelNames.get(channel) ?? cleanLine(channel)

/** ` to people@lab.example` or ` to experiment:dune`. A message never has the URL of a hook, and whatever else has is no message. */
function toWhom(body: string): string {
  const to = fieldOf('to', body)
  return to && !to.includes('://') ? ` to ${to}` : ''
}

const subjectOf = (body: string) => fieldOf('subject', body) ?? 'one that cannot be read'

/** As far as what is kept of the message shows it. */
function fieldOf(field: 'subject' | 'to', body: string): string | undefined {
  const found = new RegExp(`"${field}":("(?:[^"\\\\]|\\\\.)*")`).exec(body)?.[1]
  try {
    return found && cleanLine(JSON.parse(found) as string)
  } catch {
    return undefined
  }
}
