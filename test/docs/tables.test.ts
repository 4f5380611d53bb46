/** Tables hold short cells, so that a page can be read as it stands: longer things are lists and sections. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '../..')
const pages = ['README.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: root })]

const longestCell = 120

/** The cells of every table in the page, without what stands in fenced code. */
function cellsOf(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8').replace(/^( *)```.*?^\1```$/gms, '')
  const rows = text.match(/^ *\|.*$/gm) ?? []
  return rows.flatMap((row) => row.split(/(?<!\\)\|/).map((cell) => cell.trim()))
}

for (const page of pages)
  test(`${page} has no table cell of more than ${longestCell} characters`, () =>
    assert.deepEqual(
      cellsOf(page).filter((cell) => cell.length > longestCell && !/^:?-+:?$/.test(cell)),
      [],
    ))

test('there are tables', () => assert.ok(pages.flatMap(cellsOf).length > 500))
