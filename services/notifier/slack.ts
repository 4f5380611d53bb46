/**
 * One message as Slack's Block Kit, within Slack's limits: what does not fit is counted, never refused. Nothing in it can
 * mention, link or be laid out but the link to the trace. Pure.
 */
import type { Notification } from '../../shared/messages.ts'
import { shorten } from './shorten.ts'

/** Slack refuses longer texts in a section block (characters). */
const longestSection = 3_000
/** Slack refuses more blocks in a message. */
const mostBlocks = 50
/** Slack refuses a longer header (characters). */
const longestHeader = 150
/** Of all blocks as JSON (characters). Not documented: Slack answers msg_blocks_too_long from some 13,000 on. */
const longestBlocks = 12_000

interface Block {
  readonly type: 'header' | 'section'
  readonly text:
    | { readonly type: 'plain_text'; readonly text: string }
    /** Verbatim, or Slack looks for names in it and turns them into mentions. */
    | { readonly type: 'mrkdwn'; readonly text: string; readonly verbatim: true }
}

/** A header, a section for each paragraph of the text, and the last paragraph, which says where to read it all, in any case. */
export function slackPayload({
  subject,
  text,
  traceUrl,
  more = 0,
}: Pick<Notification, 'subject' | 'text' | 'traceUrl' | 'more'>): {
  readonly text: string
  readonly blocks: readonly Block[]
} {
  const header: Block = {
    type: 'header',
    text: { type: 'plain_text', text: shorten(subject, longestHeader) },
  }
  const link = traceUrl ? [linkTo(traceUrl)] : []
  // The address that our template gives is none to follow in a plain text.
  const words = traceUrl ? text.replace(`Trace: ${traceUrl}`, '') : text
  const parts = words.split(/\n{2,}/).filter((part) => part.trim() !== '')
  const sections = parts.map((part) => section(part.trimEnd()))
  return {
    // No block: Slack reads markup in it, and looks for names only where `parse` or `link_names` asks for that.
    text: escapeSlack(shorten(subject, longestSection)),
    blocks: [header, ...whatFits(sections, [header, ...link], more), ...link],
  }
}

const section = (text: string): Block => ({
  type: 'section',
  text: { type: 'plain_text', text: shorten(text, longestSection) },
})

const linkTo = (url: string): Block => ({
  type: 'section',
  text: { type: 'mrkdwn', text: `<${escapeSlack(url)}|Trace of this run>`, verbatim: true },
})

/** All of the sections, or as many as fit beside the `others`, with a count of what is left out, and of what never was in, before the last one. */
function whatFits(sections: readonly Block[], others: readonly Block[], more: number): readonly Block[] {
  const isAll = more === 0 && sections.length + others.length <= mostBlocks
  if (isAll && sizeOf([...others, ...sections]) <= longestBlocks) return sections
  const last = sections.slice(-1)
  const shown: Block[] = []
  let room = longestBlocks - sizeOf([...others, ...last, section('… and 1000000 more.')])
  for (const one of sections.slice(0, -1)) {
    room -= sizeOf([one])
    if (room < 0 || shown.length + others.length + 2 >= mostBlocks) break
    shown.push(one)
  }
  return [...shown, section(`… and ${sections.length - 1 - shown.length + more} more.`), ...last]
}

const sizeOf = (blocks: readonly Block[]) => JSON.stringify(blocks).length

/** The three characters Slack's markup for mentions and links is made of. */
function escapeSlack(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}
