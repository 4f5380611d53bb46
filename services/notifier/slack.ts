/** Posts one message to a Slack webhook. The URL is a secret: it appears in no error, log or span. */
import { failure, Permanent, Transient } from '../../shared/errors.ts'
import type { Notification } from '../../shared/messages.ts'

/** Slack refuses longer texts in a section block (characters). */
const longestSection = 3_000
/** Slack refuses more blocks in a message. */
const mostBlocks = 50
/** Slack refuses a longer header (characters). */
const longestHeader = 150

/**
 * Posts the message. Throws Permanent when the hook is gone or does not take such a message (4xx), Transient when it may
 * later (408, 429, 5xx, no answer within `patienceMs`).
 */
export async function postToSlack(message: Notification, url: string, patienceMs = 10_000): Promise<void> {
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
  const isFinal = answer.status >= 400 && answer.status < 500 && ![408, 429].includes(answer.status)
  throw isFinal ? new Permanent(failed) : new Transient(failed)
}

/**
 * Block Kit within Slack's limits, with a plain text for notifications. What does not fit is counted; the last part, which
 * says where to read it all, is always there. Pure.
 */
export function slackPayload({ subject, text }: Pick<Notification, 'subject' | 'text'>): object {
  const parts = text.split(/\n{2,}/).filter((part) => part.trim() !== '')
  const most = mostBlocks - 1
  const fits = parts.length <= most
  const shown = fits ? parts : parts.slice(0, most - 2)
  const rest = fits ? [] : [`… and ${parts.length - 1 - shown.length} more.`, parts.at(-1) ?? '']
  return {
    text: escapeSlack(shorten(subject, longestSection)),
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: shorten(subject, longestHeader) } },
      ...[...shown, ...rest].map((part) => ({
        type: 'section',
        text: { type: 'mrkdwn', text: section(part) },
      })),
    ],
  }
}

/** Escaped first, since that makes it longer; then cut where no escape is cut in two. */
function section(text: string): string {
  const escaped = escapeSlack(text.toWellFormed())
  if (escaped.length <= longestSection) return escaped
  return `${shorten(escaped, longestSection - 10).replace(/&[a-z]*…$/, '…')}`
}

/** At most `longest` characters, of which none is half a pair. */
function shorten(text: string, longest: number): string {
  const whole = text.toWellFormed()
  if (whole.length <= longest) return whole
  return `${whole.slice(0, longest - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}

/** The three characters Slack's markup is made of: nothing in a failure can mention or link. */
function escapeSlack(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}
