import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { siteJsonSchema } from '../../../../shared/config/schema/json-schema.ts'

interface Node {
  readonly type?: string
  readonly default?: unknown
  readonly description?: string
  readonly properties?: Readonly<Record<string, Node>>
  readonly additionalProperties?: Node | boolean
  readonly anyOf?: readonly Node[]
}
const schema = siteJsonSchema() as Node
const manual = readFileSync(new URL('../../../../docs/configuration.md', import.meta.url), 'utf8')

/** Every key of the format, with its place. */
function* keysOf(
  node: Node,
  path: readonly string[] = [],
): Generator<{ path: readonly string[]; node: Node }> {
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    yield { path: [...path, key], node: child }
    yield* keysOf(child, [...path, key])
  }
  if (typeof node.additionalProperties === 'object') yield* keysOf(node.additionalProperties, [...path, '*'])
}
const keys = [...keysOf(schema)]

test('the JSON Schema knows every key, says what it means, and closes our sections only', () => {
  assert.ok(keys.length > 100)
  for (const { path, node } of keys) assert.ok(node.description, path.join('.'))
  assert.equal(schema.properties?.storer?.additionalProperties, false)
  assert.notEqual(schema.properties?.timeouts?.additionalProperties, false)
  assert.ok(!JSON.stringify(schema).includes('"expected"'))
})

test('a list may be one text for the JSON Schema too', () => {
  assert.deepEqual(
    schema.properties?.condorCollectorHost?.anyOf?.map(({ type }) => type),
    ['array', 'string'],
  )
})

for (const { path, node } of keys) {
  test(`docs/configuration.md has ${path.join('.')} with its default`, () => {
    const key = path.at(-1)
    const rows = manual.split('\n').filter((line) => line.includes(`\`${key}\``))
    assert.ok(rows.length > 0, 'the key is not in the manual')
    if (typeof node.default !== 'string' && typeof node.default !== 'number') return
    if (node.default === '') return
    const shown = `\`${node.default}\``
    assert.ok(
      rows.some((row) => row.includes(shown)),
      `${shown} is not beside the key`,
    )
  })
}
