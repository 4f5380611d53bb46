/** What a newcomer may look at after the demo's run, as commands that can be copied, and what to try next. */
import { existsSync, readdirSync } from 'node:fs'
import { relative } from 'node:path'
import type { Layout } from './layout.ts'

/** `breakWith`: how to break something, for who has not done it yet. */
export function lookAround(layout: Layout, breakWith: string | undefined): string {
  const from = (path: string) => relative('', path)
  const told = [layout.mail, layout.slack].filter((directory) => filesIn(directory) > 0)
  const rows: [command: string, what: string][] = [
    [`ls -l ${from(layout.nodes)}/*/tmp`, 'what jobs find on each node'],
    ...(filesIn(layout.credds) > 0 ? [credds(from(layout.credds))] : []),
    [`less ${from(layout.logs)}/refresher.log`, 'what a daemon logged'],
    ...told.map((directory): [string, string] => [
      `head -n 40 ${from(directory)}/*`,
      `what people were told by ${directory === layout.mail ? 'mail' : 'Slack'}, ${filesIn(directory)} in all`,
    ]),
  ]
  const width = Math.max(...rows.map(([command]) => command.length))
  const lines = rows.map(([command, what]) => `  ${command.padEnd(width)}   ${what}`)
  const next = breakWith ? `\nNow break something: npm run demo -- ${breakWith}` : ''
  return `Look around:\n${lines.join('\n')}${next}\nAll faults, and how to stay up and play: npm run demo -- --help`
}

const credds = (path: string): [command: string, what: string] => [
  `ls -l ${path}/*/*`,
  'what HTCondor’s credds keep',
]

const filesIn = (directory: string) => (existsSync(directory) ? readdirSync(directory).length : 0)
