/** One value of the file as its key wants it, where that cannot change its meaning. Pure. */
import type { Scalar } from 'yaml'
import { z } from '../../contracts/zod.ts'
import { parseAddresses } from '../schema/mail-address.ts'

export interface ReadValue {
  readonly value: unknown
  /** What is said of a value that the predecessor takes for another one than it seems. */
  readonly warning?: string
}

/** `isOurs`: a key that the predecessor does not have, where nothing has to be taken for what it took it for. */
export function readScalar(node: Scalar, schema: z.core.$ZodType, isOurs: boolean): ReadValue {
  const { value } = node
  const wanted = innermost(schema)
  const isGood = (other: unknown) => z.safeParse(schema, other).success
  switch (wanted._zod.def.type) {
    case 'array':
      return { value: typeof value === 'string' ? wordsOf(value, wanted) : value }
    case 'number':
      return { value: typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value }
    case 'boolean':
      return readTruth(value, isOurs)
    case 'string':
      // A number may be a name, `true` a constraint, and a text may stand in several lines.
      return { value: [oneLine(value), node.source, value].find(isGood) ?? value }
    default:
      return { value }
  }
}

/** Breaks become blanks, as in YAML's own folding; the ends are trimmed where there was a break (`>`, `|`, JSON made by jsonnet). */
const oneLine = (value: unknown) =>
  typeof value === 'string' && /[\t\r\n]/.test(value)
    ? value
        .split(/[\t\r\n]/)
        .map((line) => line.trim())
        .filter(Boolean)
        .join(' ')
    : value

function wordsOf(text: string, list: z.core.$ZodType): readonly string[] {
  const hasAddresses = z.globalRegistry.get(list)?.words === 'addresses'
  const addresses = hasAddresses ? parseAddresses(text)?.map(({ address }) => address) : undefined
  return addresses ?? (hasAddresses ? [text] : text.split(/[\s,]+/).filter(Boolean))
}

/** As Go's ParseBool, which calls everything else false. */
function readTruth(value: unknown, isOurs: boolean): ReadValue {
  const text = String(value)
  if (/^(1|t|T|true|True|TRUE)$/.test(text)) return { value: true }
  if (/^(0|f|F|false|False|FALSE)$/.test(text)) return { value: false }
  if (isOurs || typeof value !== 'string') return { value }
  if (/^(no|n|off)$/i.test(value)) return { value: false }
  if (!/^(yes|y|on)$/i.test(value)) return { value }
  const warning = `"${value}" is false here, as it is for the predecessor — write true or false`
  return { value: false, warning }
}

/** The schema inside optional, default and the like: what the file's value is first held against. */
export function innermost(schema: z.core.$ZodType): z.core.$ZodType {
  const def = schema._zod.def as { innerType?: z.core.$ZodType; in?: z.core.$ZodType }
  const next = def.innerType ?? def.in
  return next ? innermost(next) : schema
}
