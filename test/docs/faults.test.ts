/** docs/faults.md names for each fault a test that makes it, or says what is missing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertShown, readRows } from './shown-by.ts'

const rows = readRows('docs/faults.md', ['#'])

for (const [number = '', fault = '', , shown = ''] of rows)
  test(`${number}, ${fault}: shown, or what is missing`, () => {
    const [tests = '', gap = ''] = shown.split(/(?:^|<br>)\*\*not yet\*\*: /)
    assert.ok(tests !== '' || gap.length > 20, 'neither a test nor what is missing')
    if (tests !== '') assertShown(tests)
  })

test('every fault has its row, in order', () => {
  assert.deepEqual(
    rows.map(([number]) => Number(number)),
    Array.from({ length: rows.length }, (_, index) => index + 1),
  )
  assert.ok(rows.length >= 34)
})
