/** docs/parity.md names for each capability of the predecessor a test that is really there, or says why there is none. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '../..')
const rows = readFileSync(join(root, 'docs/parity.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| (?!capability |there +\||-)/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, capability = '', shown = '']) => ({ capability, shown }))

for (const { capability, shown } of rows)
  test(`${capability}: shown, or the reason why not`, () => {
    const reason = /^\*\*not (yet|kept)\*\*.*: \S.{20,}/.exec(shown)
    if (reason) return
    for (const one of shown.split('<br>')) {
      const [, file = '', name = ''] = /^`(test\/[\w/.-]+\.test\.ts)`: (\S.*)$/.exec(one) ?? []
      assert.ok(file, `expected \`test/….test.ts\`: the test's name, found ${one}`)
      assert.ok(existsSync(join(root, file)), `${file} is not there`)
      // As names stand in the source: quotes may be written with a backslash.
      const source = readFileSync(join(root, file), 'utf8').replaceAll("\\'", "'")
      assert.ok(source.includes(name), `${file} has no test called "${name}"`)
    }
  })

test('there are rows', () => assert.ok(rows.length > 40))
