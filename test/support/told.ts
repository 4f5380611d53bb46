/** What people were told of a run: by the demo's table, by mail and on Slack, each as the same plain facts. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { simpleParser } from 'mailparser'

/**
 * `<entry> → <node, credd, or "no token">: <reason code>`, or of a cause on which several hang
 * `<cause> ← <entry>, <entry>: <reason code>` (a host of Vault left out); sorted.
 */
export type Told = readonly string[]

export interface Mail {
  /** The same for every delivery of the same mail. */
  readonly id: string
  readonly to: string
  readonly subject: string
  readonly told: Told
  readonly text: string
  readonly html: string
}

/** The paragraphs below the demo's table; an entry without a token names its targets in one of them. */
export function readTable(stdout: string): Told {
  const found = [...stdout.matchAll(/^failed {2}(\S+) → (.+?): .* \[([\w-]+)\]$/gm)]
  return found
    .flatMap(([, entry, targets = '', code]) =>
      targets.split(', ').map((target) => `${entry} → ${target}: ${code}`),
    )
    .sort()
}

/** Every mail of the site, by addressee. */
export async function readMails(dir: string): Promise<Mail[]> {
  const files = readdirSync(join(dir, 'mail'))
  const mails = await Promise.all(
    files.map(async (file) => {
      const mail = await simpleParser(readFileSync(join(dir, 'mail', file)))
      const to = String(mail.headers.get('x-envelope-to'))
      const { messageId: id = '', subject = '', text = '' } = mail
      return { id, to, subject, told: readText(text), text, html: String(mail.html) }
    }),
  )
  return mails.sort((a, b) => (a.to < b.to ? -1 : 1))
}

/** Every post to Slack. Its blocks and its plain text, which is what Mattermost shows, have to tell the same. */
export function readPosts(dir: string): Told[] {
  return readdirSync(join(dir, 'slack')).map((file) => {
    const post = JSON.parse(readFileSync(join(dir, 'slack', file), 'utf8')) as {
      text: string
      blocks: { text: { text: string } }[]
    }
    const told = readText(post.blocks.map(({ text }) => text.text).join('\n\n'))
    assert.deepEqual(readText(post.text), told, 'the text beside the blocks')
    return told
  })
}

function readText(text: string): Told {
  const found = text.matchAll(
    /^(\S+): (?:token not (?:on|in) (\S+)|no token) since .*\n +why: +.* \[([\w-]+)\]$/gm,
  )
  const causes = text.matchAll(
    /^(.+?)(?: at \S+)?: \d+ services without new tokens since .*\n +why: +.* \[([\w-]+)\]\n +affects: ([^;\n]+)/gm,
  )
  return [
    ...[...found].map(([, entry, target, code]) => `${entry} → ${target ?? 'no token'}: ${code}`),
    ...[...causes].map(([, cause, code, entries]) => `${cause} ← ${entries}: ${code}`),
  ].sort()
}
