/** What a value of the file may be, as far as reading it goes by that: told by zod's public classes alone. Pure. */
import { z } from '../../contracts/zod.ts'

type Schema = z.core.$ZodType

export type Shape =
  /** A map whose keys are known. */
  | {
      readonly kind: 'keys'
      readonly keys: Readonly<Record<string, Schema>>
      readonly isStrict: () => boolean
    }
  /** A map from names that the file's author chooses. */
  | { readonly kind: 'names'; readonly value: Schema }
  | { readonly kind: 'list'; readonly item: Schema; readonly holdsAddresses: boolean }
  | { readonly kind: 'text' | 'number' | 'truth' | 'other' }

/** Of a schema that takes a word or a map, it is the map's where `isMap`: that is the form the file's author meant. */
export function shapeOf(schema: Schema, isMap = false): Shape {
  const inside = withoutLayer(schema)
  if (inside) return shapeOf(inside, isMap)
  if (schema instanceof z.ZodUnion) {
    const map = isMap && schema.options.find((option) => option instanceof z.ZodObject)
    return map ? shapeOf(map) : { kind: 'other' }
  }
  if (schema instanceof z.ZodObject)
    return { kind: 'keys', keys: schema.shape, isStrict: () => refusesUnknown(schema) }
  if (schema instanceof z.ZodRecord) return { kind: 'names', value: schema.valueType }
  if (schema instanceof z.ZodArray)
    return { kind: 'list', item: schema.element, holdsAddresses: schema.meta()?.words === 'addresses' }
  return { kind: scalarKind(schema) }
}

function scalarKind(schema: Schema) {
  if (schema instanceof z.ZodString) return 'text'
  if (schema instanceof z.ZodNumber) return 'number'
  return schema instanceof z.ZodBoolean ? 'truth' : 'other'
}

const refusesUnknown = (schema: z.ZodObject) =>
  z.safeParse(schema, { '': 0 }).error?.issues.some(({ code }) => code === 'unrecognized_keys') ?? false

/** What a schema says of itself to people, or what is inside optional, default and the like. */
export function expectedBy(schema: Schema): string | undefined {
  const own = z.globalRegistry.get(schema)?.expected
  const inside = withoutLayer(schema)
  return typeof own === 'string' ? own : inside && expectedBy(inside)
}

/** The schema inside, that the file's value is held against first; undefined where there is none. */
function withoutLayer(schema: Schema): Schema | undefined {
  if (schema instanceof z.ZodPipe) return schema.in
  const isLayer =
    schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault
  return isLayer ? schema.unwrap() : undefined
}
