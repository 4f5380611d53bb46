/** The file's format as JSON Schema, for editors and for sites that generate their file. */
import { z } from '../../contracts/zod.ts'
import { siteFile } from './schema.ts'

/**
 * JSON Schema (draft 2020-12) of what may be written: keys in their usual case, types, words, ranges, defaults. The grammar
 * of names and the rules across keys are known to `managed-tokens config check` alone.
 */
export function siteJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(siteFile, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      for (const key of ['expected', 'words']) delete jsonSchema[key]
      if (jsonSchema.type === 'array') acceptWords(jsonSchema)
    },
  })
  return schema as Record<string, unknown>
}

/** A list may be written as one text, its words separated by blanks or commas. */
function acceptWords(schema: z.core.JSONSchema.BaseSchema): void {
  const { type, items, minItems, ...rest } = schema
  for (const key of ['type', 'items', 'minItems']) delete schema[key]
  Object.assign(schema, rest, {
    anyOf: [{ type, items, ...(minItems === undefined ? {} : { minItems }) }, { type: 'string' }],
  })
}
