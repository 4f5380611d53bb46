/** What a page in docs/ says that tests show: a section's list names files and tests in them. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** A heading that has no headings below it, with what stands under it. */
export interface Section {
  readonly title: string
  readonly text: readonly string[]
  /** The items of its lists, each on one line, without their dashes. */
  readonly items: readonly string[]
}

/** The page's sections that say something: those with text of their own, without the page's title. */
export function readSections(page: string): readonly Section[] {
  return readFileSync(join(root, page), 'utf8')
    .split(/^##+ /m)
    .slice(1)
    .map((section) => {
      const [title = '', ...text] = section.trim().split('\n')
      const items = text
        .join('\n')
        .replaceAll('\n  ', ' ')
        .split('\n')
        .filter((line) => line.startsWith('- '))
        .map((line) => line.slice(2))
      return { title, text: text.filter(Boolean), items }
    })
    .filter(({ text }) => text.length > 0)
}

/** Fails unless the item is `` `test/….ts`: name `` of a test that is really there. */
export function assertShown(item: string): void {
  const [, file = '', name = ''] =
    /^`(test\/[\w/.-]+\.(?:test|faults|interop|soak)\.ts)`: (\S.*)$/.exec(item) ?? []
  assert.ok(file, `expected \`test/….ts\`: the test's name, found ${item}`)
  assertTest(file, name)
}

/** Fails unless the file, named from the project's root, has a test of that name, or of a name that this is a part of. */
export function assertTest(file: string, name: string): void {
  assert.ok(existsSync(join(root, file)), `${file} is not there`)
  assert.ok(hasTest(readFileSync(join(root, file), 'utf8'), name), `${file} has no test called "${name}"`)
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
