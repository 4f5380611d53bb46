/** docs/parity.md names for each capability of the predecessor a test that is really there, or says why there is none. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertShown, readRows } from './shown-by.ts'

const rows = readRows('docs/parity.md', ['capability', 'there'])

for (const [capability = '', shown = ''] of rows)
  test(`${capability}: shown, or the reason why not`, () => {
    if (!/^\*\*not (yet|kept)\*\*.*: \S.{20,}/.test(shown)) assertShown(shown)
  })

test('there are rows', () => assert.ok(rows.length > 40))
