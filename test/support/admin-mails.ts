/** The mails of a site whose subject has some words in it, as plain text; and what was posted to Slack, as it is. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { simpleParser } from 'mailparser'

export async function readMailsAbout(
  words: string,
  dir: string,
): Promise<{ subject: string; text: string }[]> {
  const files = readdirSync(join(dir, 'mail'))
  const mails = await Promise.all(files.map((file) => simpleParser(readFileSync(join(dir, 'mail', file)))))
  return mails
    .map(({ subject = '', text = '' }) => ({ subject, text }))
    .filter(({ subject }) => subject.includes(words))
}

export function readSlack(dir: string): string[] {
  return readdirSync(join(dir, 'slack')).map((file) => readFileSync(join(dir, 'slack', file), 'utf8'))
}
