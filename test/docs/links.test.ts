/** Every link and picture of the pages leads to a file that is there, and to a heading that it has. */
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '../..')
const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...globSync('docs/**/*.md', { cwd: root })]

/** Headings as anchors: lower case, without marks, blanks as hyphens. */
const anchorsOf = (file: string) =>
  [...readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )

for (const page of pages)
  test(`${page} leads nowhere that is not there`, () => {
    const file = join(root, page)
    for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [path = '', anchor] = target.split('#')
      const there = path === '' ? file : join(dirname(file), path)
      assert.ok(existsSync(there), target)
      if (anchor) assert.ok(anchorsOf(there).includes(anchor), target)
    }
  })

test('the mails are shown as they look', () => {
  const pictures = readFileSync(join(root, 'docs/notifications.md'), 'utf8').match(
    /!\[[^\]]+\]\(images\/[^)]+\.png\)/g,
  )
  assert.ok((pictures?.length ?? 0) >= 2)
})
