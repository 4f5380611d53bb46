/** One message as Slack's Block Kit, within Slack's limits: what does not fit is counted, never refused. Pure. */
import type { Notification } from '../../shared/messages.ts'
import { shorten } from './shorten.ts'

/** Slack refuses longer texts in a section block (characters). */
const longestSection = 3_000
/** Slack refuses more blocks in a message. */
const mostBlocks = 50
/** Slack refuses a longer header (characters). */
const longestHeader = 150
/** Not documented: Slack answers msg_blocks_too_long from some 13,000 characters of all blocks together on. */
const longestMessage = 12_000

/** A header, a section for each paragraph of the text, and the last paragraph, which says where to read it all, in any case. */
export function slackPayload({
  subject,
  text,
  traceUrl,
}: Pick<Notification, 'subject' | 'text' | 'traceUrl'>): object {
  const parts = text.split(/\n{2,}/).filter((part) => part.trim() !== '')
  const link = traceUrl && !text.includes(traceUrl) ? [`<${escapeSlack(traceUrl)}|Trace of this run>`] : []
  return {
    text: escapeSlack(shorten(subject, longestSection)),
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: shorten(subject, longestHeader) } },
      ...[...whatFits(parts.map(section), mostBlocks - 1 - link.length), ...link].map((part) => ({
        type: 'section',
        text: { type: 'mrkdwn', text: part },
      })),
    ],
  }
}

/** All of the sections, or as many as fit with a count of the others before the last one. */
function whatFits(sections: readonly string[], most: number): readonly string[] {
  const last = sections.at(-1) ?? ''
  const room = longestMessage - longestHeader - last.length
  let used = 0
  const fitting = sections.slice(0, -1).findIndex((one) => {
    used += one.length
    return used > room
  })
  if (fitting === -1 && sections.length <= most) return sections
  const shown = Math.min(fitting === -1 ? sections.length : fitting, most - 2)
  return [...sections.slice(0, shown), `… and ${sections.length - 1 - shown} more.`, last]
}

/** Escaped first, since that makes it longer; then cut where no escape is cut in two. */
function section(text: string): string {
  const escaped = escapeSlack(text.toWellFormed())
  if (escaped.length <= longestSection) return escaped
  return `${shorten(escaped, longestSection - 10).replace(/&[a-z]*…$/, '…')}`
}

/** The three characters Slack's markup is made of: nothing in a failure can mention or link. */
function escapeSlack(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}
