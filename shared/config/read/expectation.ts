/** What a schema wants and what was found instead, in words for people. */
import type { z } from '../../contracts/zod.ts'
import { siteFile } from '../schema/schema.ts'
import type { Path } from './places.ts'
import { expectedBy, type Shape, shapeOf } from './shape.ts'

/** Kind of a value, and the value itself where it cannot be a secret. */
export function describe(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint') return `the number ${value}`
  if (typeof value === 'boolean') return `the truth value ${value}`
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'a map' : 'a text'
}

const kinds = {
  keys: 'a map',
  names: 'a map',
  list: 'a list',
  text: 'a text in quotes',
  number: 'a whole number',
  truth: 'true or false',
  other: 'something else',
} as const

/** What the schema wants at a path, in words. */
export function expectation(path: Path): string {
  let schema: z.core.$ZodType = siteFile
  for (const key of path) {
    const inside = insideOf(shapeOf(schema, true), String(key))
    if (!inside) return kinds.other
    schema = inside
  }
  return expectedBy(schema) ?? kinds[shapeOf(schema).kind]
}

function insideOf(shape: Shape, key: string): z.core.$ZodType | undefined {
  if (shape.kind === 'keys') return shape.keys[key]
  if (shape.kind === 'names') return shape.value
  return shape.kind === 'list' ? shape.item : undefined
}
