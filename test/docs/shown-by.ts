/** What a table in docs/ says that tests show: each line of such a cell names a file and a test in it. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** The rows of a page's tables, as cells, without heads and rules. `heads` are the first words of the heads. */
export function readRows(page: string, heads: readonly string[]): readonly (readonly string[])[] {
  return readFileSync(join(root, page), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| -'))
    .map((line) =>
      line
        .split('|')
        .map((cell) => cell.trim())
        .slice(1, -1),
    )
    .filter(([first = '']) => !heads.includes(first))
}

/** Fails unless every line of the cell is `` `test/….ts`: name `` of a test that is really there. */
export function assertShown(cell: string): void {
  for (const one of cell.split('<br>')) {
    const [, file = '', name = ''] = /^`(test\/[\w/.-]+\.(?:test|interop|soak)\.ts)`: (\S.*)$/.exec(one) ?? []
    assert.ok(file, `expected \`test/….ts\`: the test's name, found ${one}`)
    assert.ok(existsSync(join(root, file)), `${file} is not there`)
    assert.ok(hasTest(readFileSync(join(root, file), 'utf8'), name), `${file} has no test called "${name}"`)
  }
}

/**
 * Whether a name stands where tests get theirs: behind `it(`, `test(` or `describe(`, on that line or the next, or as the
 * key of a table. Part of a name will do, for names that are put together.
 */
function hasTest(source: string, name: string): boolean {
  // As names stand in the source: quotes may be written with a backslash.
  const lines = source.replaceAll("\\'", "'").split('\n')
  const opens = (line: string | undefined) => /\b(?:it|test|describe)\(/.test(line ?? '')
  return lines.some(
    (line, index) =>
      line.includes(name) &&
      (opens(line) || opens(lines[index - 1]) || /^\s*[[{]*\s*(?:\w+: )?['"`]/.test(line)),
  )
}
