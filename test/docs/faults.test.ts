/** docs/fault-tests.md names for each fault the tests that make it; docs/faults.md is made of it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { lists } from '../protections/lists.ts'
import { writePage } from '../protections/page.ts'
import { assertShown, readSections } from './shown-by.ts'

const faults = readSections('docs/fault-tests.md')
const protections = Object.values(await lists()).flat()

for (const { title, items } of faults)
  test(`${title}: shown, or what is missing`, () => {
    assert.ok(items.length > 0, 'neither a test nor what is missing')
    for (const item of items) if (!/^\*\*not (yet|tried|promised)\*\*: .{20,}/.test(item)) assertShown(item)
  })

test('every fault has its section, in order', () => {
  assert.deepEqual(
    faults.map(({ title }) => Number.parseInt(title, 10)),
    Array.from({ length: faults.length }, (_, index) => index + 1),
  )
  assert.ok(faults.length >= 40)
})

test('docs/faults.md is what test/protections/write-page.ts makes of docs/fault-tests.md', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/faults.md'), 'utf8')
  assert.equal(page, writePage(faults, protections))
})
