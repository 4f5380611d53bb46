/** docs/faults.md: three lines a fault, made of docs/fault-tests.md and the lists of protections. */
import { basename } from 'node:path'
import type { Section } from '../docs/shown-by.ts'
import type { Protection } from './protection.ts'

const opening = `# Faults, and what is promised under them

Each section is a fault, the promise under it, and the tests that make the fault for real; [all of them](fault-tests.md) have a page
of their own. The last line names a protection that was taken out and the test that went red without it:
\`npm run test:protections -- --row N\` does that again. This page is written by \`bin/with-node test/protections/write-page.ts\`.
`

/** The whole page. Throws where a section says no promise. */
export function writePage(sections: readonly Section[], protections: readonly Protection[]): string {
  return `${[opening, ...sections.map((section) => sectionOf(section, protections))].join('\n')}`
}

function sectionOf({ title, text, items }: Section, protections: readonly Protection[]): string {
  const promise = promiseIn(title, text)
  const files = [...new Set(items.flatMap((item) => /^`(test\/[^`]+)`/.exec(item)?.slice(1) ?? []))].slice(
    0,
    3,
  )
  const lines = [
    `- Promise: ${promise}`,
    `- Tests: ${files.map((file) => `\`${basename(file)}\``).join(', ')}: [${items.length} in all](fault-tests.md#${anchorOf(title)}).`,
    ...protections
      .filter(({ row }) => row === Number.parseInt(title, 10))
      .slice(0, 1)
      .map(withoutIt),
  ]
  return `## ${title}\n\n${lines.join('\n')}\n`
}

/** The lines from `Promise:` to the list. */
function promiseIn(title: string, text: readonly string[]): string {
  const [first = '', ...rest] = text
  if (!first.startsWith('Promise: ')) throw new Error(`${title}: the section begins with no promise`)
  const end = rest.findIndex((line) => line.startsWith('- '))
  return [first.slice('Promise: '.length), ...rest.slice(0, end)].join(' ')
}

const withoutIt = ({ file, line, test }: Protection): string =>
  `- Without ${codeOf(line)} in \`${file}\`, \`${basename(test)}\` goes red.`

/** The first line of a protection's text, as code; a grave accent in it would end that, so it is quoted by two. */
function codeOf(text: string): string {
  const line = text.trim().split('\n')[0] ?? ''
  return line.includes('`') ? `\`\` ${line} \`\`` : `\`${line}\``
}

/** As a Markdown reader makes it of a heading. */
const anchorOf = (title: string): string =>
  title
    .toLowerCase()
    .replaceAll(/[^\p{Letter}\p{Number}\s_-]/gu, '')
    .replaceAll(' ', '-')
