/** Tells the administrators, where else they can be reached, of a message that was given up; once a day and addressee. Pure. */
import type { Site } from '../../shared/config/site.ts'
import type { DeadLetter, Notification } from '../../shared/messages.ts'
import { cleanLine } from '../../shared/outcome-text.ts'
import type { Fact, Outgoing } from '../../shared/publish.ts'
import { notifySubject } from '../../shared/subjects.ts'
import { tellAdmins } from './admin-notice.ts'

/** The end of such a word's own subject: nobody is told when it cannot be delivered either, or two dead channels would tell each other for ever. */
const wordMark = 'undelivered'

/** These words belong to no run; the schema wants an id. */
const noRun = '00000000000000000000000000'

/** The messages about a dead letter out of `NOTIFY`: on every way to the administrators but the one that did not work. */
export function announceUndelivered(letter: DeadLetter, site: Site): Outgoing[] {
  const [, channel = '', addressee = '', mark] = letter.subject.split('.')
  if (mark === wordMark) return []
  const words = tellAdmins(
    {
      run: noRun,
      id: `${wordMark}.${channel}.${addressee}.${letter.at.slice(0, 'YYYY-MM-DD'.length)}`,
      subject: `managed-tokens: a message by ${channelName(channel)} could not be delivered`,
      text: [
        `Not delivered: ${subjectOf(letter.body)}`,
        `Why: ${cleanLine(letter.reason)}`,
        `To do: put the way to its addressee right; managed-tokens notify test says when it is. Further messages to the same addressee are not announced today. All are kept for 30 days: nats stream view DEAD --subject dead.notify.notifier-outbox`,
      ].join('\n\n'),
    },
    site,
  )
  return words.flatMap((one) => (one.kind === 'fact' ? [asWord(one)] : [])).filter(isAnotherWay)

  function isAnotherWay({ subject }: Fact): boolean {
    return subject !== `notify.${channel}.${addressee}.${wordMark}`
  }
}

function asWord(fact: Fact): Fact {
  const { channel, to } = fact.body as Notification
  return { ...fact, subject: `${notifySubject(channel, to)}.${wordMark}` }
}

const channelName = (channel: string) => ({ email: 'mail', slack: 'Slack' })[channel] ?? cleanLine(channel)

/** The subject of the message, as far as what is kept of it shows one. */
function subjectOf(body: string): string {
  const found = /"subject":("(?:[^"\\]|\\.)*")/.exec(body)?.[1]
  try {
    return cleanLine(String(JSON.parse(found ?? '')))
  } catch {
    return 'a message that cannot be read'
  }
}
