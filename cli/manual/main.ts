/** Writes the manual pages into a directory, for packagers: `bin/with-node cli/manual/main.ts DIRECTORY`. The same each time for a commit. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import manifest from '../../package.json' with { type: 'json' }
import { siteJsonSchema } from '../../shared/config/schema/json-schema.ts'
import { makeProgram } from '../program.ts'
import { commandPage } from './command-page.ts'
import { configurationPage } from './configuration-page.ts'
import { directories, environment, files } from './surroundings.ts'

const { version } = manifest

/** The day of the version, as CHANGELOG.md has it. */
function dateOf(changelog: string): string {
  const heading = changelog.split('\n').find((line) => line.startsWith(`## [${version}]`))
  return /\d{4}-\d\d-\d\d$/.exec(heading ?? '')?.[0] ?? ''
}

const [directory] = process.argv.slice(2)
if (directory === undefined) {
  process.stderr.write('usage: bin/with-node cli/manual/main.ts DIRECTORY\n')
  process.exitCode = 2
} else {
  const date = dateOf(readFileSync(join(import.meta.dirname, '../../CHANGELOG.md'), 'utf8'))
  mkdirSync(directory, { recursive: true })
  const write = (name: string, page: string) => writeFileSync(join(directory, name), page)
  write('managed-tokens.1', commandPage(makeProgram(), { version, date, environment, files }))
  write('managedTokens.yml.5', configurationPage(siteJsonSchema(), { version, date, directories }))
}
