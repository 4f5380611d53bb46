/** Each listed protection still stands where the list says, and so does the test that goes red without it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { assertTest } from '../docs/shown-by.ts'
import { lists } from './lists.ts'

const root = join(import.meta.dirname, '..', '..')

describe('a protection', async () => {
  for (const [list, protections] of Object.entries(await lists()))
    for (const { row, file, line, without, test, name } of protections)
      it(`of row ${row} (${list}) stands once in ${file}, and has its test: ${name}`, () => {
        assert.equal(readFileSync(join(root, file), 'utf8').split(line).length - 1, 1, `${file}: ${line}`)
        assert.notEqual(line, without)
        assertTest(test, name)
      })
})
