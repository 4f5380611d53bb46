/**
 * One message as Slack's Block Kit, within Slack's limits: what does not fit is counted, never refused. Nothing in it can
 * mention, link or be laid out but the link to the trace. Pure.
 */
import type { Notification } from '../../../shared/contracts/messages.ts'
import { shorten } from './shorten.ts'
import { withoutMentions } from './without-mentions.ts'

/** Slack refuses longer texts in a section block (characters). */
const longestSection = 3_000
/** Slack refuses more blocks in a message. */
const mostBlocks = 50
/** Slack refuses a longer header (characters). */
const longestHeader = 150
/** Of all blocks as JSON (characters). Not documented: Slack answers msg_blocks_too_long from some 13,000 on. */
const longestBlocks = 12_000
/** Mattermost refuses more than 16,383, and Slack more than 40,000 (characters). */
const longestText = 16_000

interface Block {
  readonly type: 'header' | 'section'
  readonly text:
    | { readonly type: 'plain_text'; readonly text: string }
    /** Verbatim, or Slack looks for names in it and turns them into mentions. */
    | { readonly type: 'mrkdwn'; readonly text: string; readonly verbatim: true }
}

/**
 * A header, a section for each paragraph of the text, and the last paragraph, which says where to read it all, in any case.
 * The same as one text, for whatever takes Slack's hooks and shows no blocks.
 */
export function slackPayload({
  subject,
  text,
  traceUrl,
  more = 0,
}: Pick<Notification, 'subject' | 'text' | 'traceUrl' | 'more'>): {
  readonly text: string
  readonly blocks: readonly Block[]
} {
  // The address that our template gives is none to follow in a plain text.
  const words = traceUrl ? text.replace(`Trace: ${traceUrl}`, '') : text
  const paragraphs = words.split(/\n{2,}/).filter((part) => part.trim() !== '')
  const parts = paragraphs.map((part) => shorten(part.trimEnd(), longestSection))
  return {
    text: wholeText(subject, parts, more, traceUrl),
    blocks: wholeBlocks(subject, parts, more, traceUrl),
  }
}

function wholeBlocks(subject: string, parts: readonly string[], more: number, traceUrl?: string): Block[] {
  const header: Block = {
    type: 'header',
    text: { type: 'plain_text', text: shorten(subject, longestHeader) },
  }
  const link = traceUrl ? [linkTo(traceUrl)] : []
  const fits: Room = {
    most: mostBlocks - 1 - link.length,
    room: longestBlocks - sizeOf([header, ...link]),
    sizeOf: (part) => sizeOf([section(part)]),
  }
  return [header, ...whatFits(parts, more, fits).map(section), ...link]
}

function wholeText(subject: string, parts: readonly string[], more: number, traceUrl?: string): string {
  const first = plain(shorten(subject, longestHeader))
  const link = traceUrl ? [escapeSlack(`Trace: ${traceUrl}`)] : []
  const shown = parts.map(plain)
  // Of one piece of news, the subject is what the text begins with.
  const head = shown[0]?.startsWith(first) ? [] : [first]
  const room = longestText - [...head, ...link].join('\n\n').length - gap
  const fits: Room = { most: Number.POSITIVE_INFINITY, room, sizeOf: (part) => part.length + gap }
  return [...head, ...whatFits(shown, more, fits), ...link].join('\n\n')
}

/** Between two paragraphs (characters). */
const gap = 2

const plain = (text: string) => escapeSlack(withoutMentions(text))

const section = (text: string): Block => ({
  type: 'section',
  text: { type: 'plain_text', text },
})

const linkTo = (url: string): Block => ({
  type: 'section',
  text: { type: 'mrkdwn', text: `<${escapeSlack(url)}|Trace of this run>`, verbatim: true },
})

interface Room {
  /** Parts. */
  readonly most: number
  /** In the unit of `sizeOf`. */
  readonly room: number
  readonly sizeOf: (part: string) => number
}

/** All of the parts, or as many as fit, with a count of what is left out, and of what never was in, before the last one. */
function whatFits(parts: readonly string[], more: number, { most, room, sizeOf }: Room): readonly string[] {
  const size = (some: readonly string[]) => some.reduce((sum, part) => sum + sizeOf(part), 0)
  if (more === 0 && parts.length <= most && size(parts) <= room) return parts
  const last = parts.slice(-1)
  const shown: string[] = []
  let left = room - size([...last, '… and 1000000 more.'])
  for (const part of parts.slice(0, -1)) {
    left -= sizeOf(part)
    if (left < 0 || shown.length + 2 >= most) break
    shown.push(part)
  }
  return [...shown, `… and ${parts.length - 1 - shown.length + more} more.`, ...last]
}

const sizeOf = (blocks: readonly Block[]) => JSON.stringify(blocks).length

/** The three characters Slack's markup for mentions and links is made of. */
function escapeSlack(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}
