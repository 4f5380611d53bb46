/** The file's schema is read as zod itself says it is, key by key: a new kind of schema cannot slip through as `other`. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Shape, shapeOf } from '../../../../shared/config/read/shape.ts'
import { siteFile } from '../../../../shared/config/schema/schema.ts'
import { z } from '../../../../shared/contracts/zod.ts'

type Json = z.core.JSONSchema.BaseSchema

/** `[path, what it is]` of a shape and all below it. */
function listShapes(schema: z.core.$ZodType, path = ''): [string, string][] {
  const shape: Shape = shapeOf(schema, true)
  if (shape.kind === 'keys') {
    const below = Object.entries(shape.keys).flatMap(([key, one]) => listShapes(one, `${path}.${key}`))
    return [[path, shape.isStrict() ? 'strict keys' : 'keys'], ...below]
  }
  if (shape.kind === 'names') return [[path, 'names'], ...listShapes(shape.value, `${path}.*`)]
  if (shape.kind === 'list') return [[path, 'list'], ...listShapes(shape.item, `${path}[]`)]
  return [[path, shape.kind]]
}

/** The same by zod's JSON Schema. */
function listJson(json: Json, path = ''): [string, string][] {
  const map = json.anyOf?.find((one) => typeof one === 'object' && 'properties' in one)
  if (map) return listJson(map as Json, path)
  if (json.properties) {
    const below = Object.entries(json.properties).flatMap(([key, one]) =>
      listJson(one as Json, `${path}.${key}`),
    )
    return [[path, json.additionalProperties === false ? 'strict keys' : 'keys'], ...below]
  }
  if (json.type === 'object')
    return [[path, 'names'], ...listJson(json.additionalProperties as Json, `${path}.*`)]
  if (json.type === 'array') return [[path, 'list'], ...listJson(json.items as Json, `${path}[]`)]
  const kinds = { string: 'text', integer: 'number', number: 'number', boolean: 'truth' } as const
  const isPlain = !json.enum && json.const === undefined && !json.anyOf
  return [[path, (isPlain && kinds[json.type as keyof typeof kinds]) || 'other']]
}

describe('the shape of the file', () => {
  const shapes = listShapes(siteFile)
  it('is what zod says of its schema', () => {
    const json = z.toJSONSchema(siteFile, { io: 'input', unrepresentable: 'any' })
    assert.ok(shapes.length > 100)
    assert.deepEqual(shapes, listJson(json as Json))
  })
  it('is a word where a word stands for what may be a map too', () => {
    const either = z.union([z.literal('vault'), z.object({ bearer: z.string() })]).optional()
    assert.deepEqual([shapeOf(either).kind, shapeOf(either, true).kind], ['other', 'keys'])
  })
})
