/** CHANGELOG.md has a section for the version that package.json says, with its day, and the newest first. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import manifest from '../../package.json' with { type: 'json' }

const page = readFileSync(join(import.meta.dirname, '../../CHANGELOG.md'), 'utf8')
const headings = [...page.matchAll(/^## (.*)$/gm)].map(([, text = '']) => text)

it('CHANGELOG.md begins with the version of the package', () => {
  assert.ok(headings[0]?.startsWith(`[${manifest.version}] - `))
})

it('CHANGELOG.md has a version and a day for each section, the newest first', () => {
  assert.ok(headings.length > 1)
  for (const heading of headings) assert.match(heading, /^\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d$/)
  const days = headings.map((heading) => heading.slice(-10))
  assert.deepEqual(days, days.toSorted().reverse())
})

it('CHANGELOG.md says of each version what is new', () => {
  for (const section of page.split(/^## /m).slice(1)) assert.ok(section.trim().split('\n').length > 2)
})
