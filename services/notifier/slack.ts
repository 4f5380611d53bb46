/** Posts one message to a Slack webhook. The URL is a secret: it appears in no error, log or span. */
import { failure, Permanent, Transient } from '../../shared/errors.ts'
import type { Notification } from '../../shared/messages.ts'

/** Slack refuses longer texts in a section block (characters). */
const longestSection = 3_000
/** Slack refuses more blocks in a message. */
const mostBlocks = 50
const patienceMs = 10_000

/** Posts the message. Throws Permanent when the hook is gone or refuses (403, 404, 410), Transient otherwise. */
export async function postToSlack(message: Notification, url: string): Promise<void> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(slackPayload(message)),
    signal: AbortSignal.timeout(patienceMs),
    redirect: 'error',
  }).catch(() => {
    throw new Transient(failure('notification-failed', 'Slack could not be reached.'))
  })
  await answer.body?.cancel()
  if (answer.ok) return
  const failed = failure('notification-failed', `Slack answered with status ${answer.status}.`)
  throw [403, 404, 410].includes(answer.status) ? new Permanent(failed) : new Transient(failed)
}

/** Block Kit within Slack's limits, with a plain text for notifications; what does not fit is counted. Pure. */
export function slackPayload({ subject, text }: Pick<Notification, 'subject' | 'text'>): object {
  const parts = text
    .trim()
    .split('\n\n')
    .map((part) => escapeSlack(part).slice(0, longestSection))
  const shown = parts.slice(0, mostBlocks - 2)
  const left = parts.length - shown.length
  const sections = [...shown, ...(left > 0 ? [`… and ${left} more.`] : [])]
  return {
    text: escapeSlack(subject),
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: subject.slice(0, 150) } },
      ...sections.map((part) => ({ type: 'section', text: { type: 'mrkdwn', text: part } })),
    ],
  }
}

/** The three characters Slack's markup is made of: nothing in a failure can mention or link. */
function escapeSlack(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}
