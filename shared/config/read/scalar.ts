/** One value of the file as its key wants it, where that cannot change its meaning. Pure. */
import type { Scalar } from 'yaml'
import { z } from '../../contracts/zod.ts'
import { parseAddresses } from '../schema/mail-address.ts'
import { shapeOf } from './shape.ts'

export interface ReadValue {
  readonly value: unknown
  /** What is said of a value that the predecessor takes for another one than it seems. */
  readonly warning?: string
}

/** `isOurs`: a key that the predecessor does not have, where nothing has to be taken for what it took it for. */
export function readScalar(node: Scalar, schema: z.core.$ZodType, isOurs: boolean): ReadValue {
  const { value } = node
  const shape = shapeOf(schema)
  const isGood = (other: unknown) => z.safeParse(schema, other).success
  switch (shape.kind) {
    case 'list':
      return { value: typeof value === 'string' ? wordsOf(value, shape.holdsAddresses) : value }
    case 'number':
      return { value: typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value }
    case 'truth':
      return readTruth(value, isOurs)
    case 'text':
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

function wordsOf(text: string, holdsAddresses: boolean): readonly string[] {
  const addresses = holdsAddresses ? parseAddresses(text)?.map(({ address }) => address) : undefined
  return addresses ?? (holdsAddresses ? [text] : text.split(/[\s,]+/).filter(Boolean))
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
