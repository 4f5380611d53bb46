/** docs/parity.md names for each capability of the predecessor a test that is really there, or says why there is none. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertShown, readSections } from './shown-by.ts'

const capabilities = readSections('docs/parity.md')

for (const { title, items } of capabilities)
  test(`${title}: shown, or the reason why not`, () => {
    assert.ok(items.length > 0, 'neither a test nor a reason')
    for (const item of items) if (!/^\*\*not (yet|kept)\*\*.*: \S.{20,}/.test(item)) assertShown(item)
  })

test('there are capabilities', () => assert.ok(capabilities.length > 40))
