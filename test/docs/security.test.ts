/** What docs/security.md says that tests show is shown, and its table leads to sections that are there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertShown, readSections } from './shown-by.ts'

const threats = readSections('docs/security.md')

for (const { title, items } of threats)
  test(`${title}: the tests are there`, () => {
    for (const item of items.filter((one) => one.startsWith('`test/'))) assertShown(item)
  })

test('every threat but those that nothing can stop names its tests', () => {
  const unshown = threats.filter(({ items }) => !items.some((one) => one.startsWith('`test/')))
  assert.deepEqual(
    unshown.map(({ title }) => title),
    ['A stolen refresher'],
  )
})
