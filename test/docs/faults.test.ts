/** docs/faults.md names for each fault a test that makes it, or says what is missing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertShown, readSections } from './shown-by.ts'

const faults = readSections('docs/faults.md')

for (const { title, items } of faults)
  test(`${title}: shown, or what is missing`, () => {
    assert.ok(items.length > 0, 'neither a test nor what is missing')
    for (const item of items) if (!/^\*\*not yet\*\*: .{20,}/.test(item)) assertShown(item)
  })

test('every fault has its section, in order', () => {
  assert.deepEqual(
    faults.map(({ title }) => Number.parseInt(title, 10)),
    Array.from({ length: faults.length }, (_, index) => index + 1),
  )
  assert.ok(faults.length >= 34)
})
