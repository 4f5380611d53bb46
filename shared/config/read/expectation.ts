/** What a schema wants and what was found instead, in words for people. */
import { z } from '../../contracts/zod.ts'
import { siteFile } from '../schema/schema.ts'
import type { Path } from './fold.ts'
import { innermost } from './scalar.ts'
import { mapForm } from './union.ts'

/** Kind of a value, and the value itself where it cannot be a secret. */
export function describe(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint') return `the number ${value}`
  if (typeof value === 'boolean') return `the truth value ${value}`
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'a map' : 'a text'
}

const kinds: Record<string, string> = {
  object: 'a map',
  record: 'a map',
  array: 'a list',
  string: 'a text in quotes',
  number: 'a whole number',
  boolean: 'true or false',
}

/** What the schema wants at a path, in words. */
export function expectation(path: Path): string {
  let schema: z.core.$ZodType | undefined = siteFile
  for (const key of path) {
    const def = mapForm(innermost(schema))._zod.def as {
      shape?: Record<string, z.core.$ZodType>
      valueType?: z.core.$ZodType
      element?: z.core.$ZodType
    }
    schema = def.shape?.[String(key)] ?? def.valueType ?? def.element
    if (!schema) return 'something else'
  }
  return expectedBy(schema) ?? kinds[innermost(schema)._zod.def.type] ?? 'something else'
}

function expectedBy(schema: z.core.$ZodType): string | undefined {
  const own = z.globalRegistry.get(schema)?.expected
  const inside = outerLayer(schema)
  return typeof own === 'string' ? own : inside && expectedBy(inside)
}

function outerLayer(schema: z.core.$ZodType): z.core.$ZodType | undefined {
  const def = schema._zod.def as { innerType?: z.core.$ZodType; in?: z.core.$ZodType }
  return def.innerType ?? def.in
}
