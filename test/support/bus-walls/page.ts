/** The tables of docs/security.md, as tests compare them with what a server does. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { jetStreamPrefix, permissionsMark } from '../../../shared/bus/permissions.ts'

const page = readFileSync(join(import.meta.dirname, '../../../docs/security.md'), 'utf8')

/** The rows of the first table after the sentence, cell by cell. */
function rowsAfter(sentence: string): string[][] {
  const table = page
    .slice(page.indexOf(sentence))
    .split('\n\n')
    .find((part) => part.startsWith('|'))
  const lines = table?.trim().split('\n').slice(2) ?? []
  return lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

/** A bus user's name without its quotes. */
const nameIn = (cell = '') => cell.replaceAll('`', '')

/** ``  `a.{b,c}` `d` `` → a.b, a.c, d. */
function patternsIn(cell = ''): string[] {
  return cell.split('`').flatMap((text, index) => (index % 2 === 1 ? expand(text) : []))
}

function expand(text: string): string[] {
  const [, before, choices, after] = /^(.*?)\{([^}]*)\}(.*)$/.exec(text) ?? []
  if (choices === undefined) return [text]
  return choices.split(',').flatMap((choice) => expand(`${before}${choice}${after}`))
}

/** What `user` may publish, as the page says. */
export const mayPublish = (user: string): string[] =>
  rowsAfter('What each may publish:')
    .filter(([name]) => nameIn(name) === user)
    .flatMap(([, kind, subjects]) =>
      patternsIn(subjects).map((pattern) =>
        kind === 'JetStream'
          ? `${jetStreamPrefix(user)}.${pattern}`
          : pattern.replace(/.*\.HASH$/, permissionsMark),
      ),
    )

/** What `user` may hear, as the page says. */
export const mayHear = (user: string): string[] =>
  rowsAfter('What each may hear:').flatMap((row) => (nameIn(row[0]) === user ? patternsIn(row[1]) : []))

/** What NATS does not look at: whether it can be done, by sentence, on that version. */
export function whatBodiesDo(version: '2.9.10' | '2.12.9'): Map<string, boolean> {
  const column = version === '2.9.10' ? 1 : 2
  return new Map(
    rowsAfter('### What NATS does not look at').map((row) => [row[0] ?? '', row[column] === 'yes'] as const),
  )
}
