/** docs/security.md: what it says that tests show is shown by tests that are there, in every section. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { assertShown, readSections } from './shown-by.ts'

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/security.md'), 'utf8')
const files = new Set(
  globSync('test/**/*.{test,faults,soak,interop}.ts', { cwd: root }).map((file) => basename(file)),
)
const isTest = (item: string) => item.startsWith('`test/')

for (const { title, items } of readSections('docs/security.md').filter(({ items }) => items.some(isTest)))
  test(`${title}: the tests are there`, () => {
    for (const item of items.filter(isTest)) assertShown(item)
  })

test('every file of tests that a table names is there', () => {
  const named = [...page.matchAll(/[\w-]+\.(?:test|faults|soak|interop)\.ts/g)].map(([name]) => name)
  assert.ok(named.length > 10)
  assert.deepEqual(
    named.filter((name) => !files.has(name)),
    [],
  )
})

test('every threat names its tests, but what nothing can stop', () => {
  const threats = page.split(/^## /m).slice(1)
  const unshown = threats.filter((threat) => !/[\w-]+\.(?:test|faults|soak|interop)\.ts/.test(threat))
  assert.deepEqual(
    unshown.map((threat) => threat.split('\n')[0]),
    ['A stolen refresher'],
  )
})
