/** docs/reasons.md says of every reason code what to do, in the words that people are sent. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { reasons } from '../../shared/errors.ts'

const page = readFileSync(new URL('../../docs/reasons.md', import.meta.url), 'utf8')
const rows = new Map(
  [...page.matchAll(/^\| `([a-z-]+)` *\| (.+?) *\| (.+?) *\|$/gm)].map(([, code, , action]) => [
    code,
    action,
  ]),
)

test('every reason code is documented with the advice people get', () => {
  for (const [code, action] of Object.entries(reasons))
    assert.equal(rows.get(code), action.replace('{service}', 'SERVICE'), `docs/reasons.md on ${code}`)
})

test('no reason code is documented that does not exist', () => {
  assert.deepEqual(
    [...rows.keys()].filter((code) => !(String(code) in reasons)),
    [],
  )
})
