/** Which key of the schema a key of the file is, whatever its case; or why it is none. Pure. */
import type { z } from '../../contracts/zod.ts'
import { quote } from '../schema/grammar.ts'
import { type Finding, type Path, showPath } from './places.ts'
import { nearest } from './problem.ts'
import type { Shape } from './shape.ts'

export type MapShape = Extract<Shape, { kind: 'keys' | 'names' }>

export type Field =
  | {
      readonly name: string
      readonly schema: z.core.$ZodType
      /** Present even when empty: an experiment without anything has to be noticed. */
      readonly isRequired: boolean
    }
  | {
      readonly name: string
      readonly severity: Finding['severity']
      readonly refusal: string
      /** Counts as written all the same. */
      readonly isWritten: boolean
    }

/** `isOurs`: is what is at a path a section that the predecessor does not have? */
export function fieldOf(key: string, shape: MapShape, path: Path, isOurs: (path: Path) => boolean): Field {
  if (shape.kind === 'names') return nameOf(key, shape.value)
  const known = Object.keys(shape.keys)
  const name = known.includes(key) ? key : known.find((one) => one.toLowerCase() === key.toLowerCase())
  const schema = name === undefined ? undefined : shape.keys[name]
  if (name !== undefined && schema) return { name, schema, isRequired: false }
  return unknownKey(key, known, shape.isStrict(), path, isOurs)
}

function nameOf(key: string, schema: z.core.$ZodType): Field {
  // The one name that validation would pass over in silence.
  if (key !== '__proto__') return { name: key.toLowerCase(), schema, isRequired: true }
  const refusal = `${quote(key)} cannot be a name — expected letters and digits`
  return { name: key, severity: 'error', refusal, isWritten: true }
}

function unknownKey(
  key: string,
  known: readonly string[],
  isStrict: boolean,
  path: Path,
  isOurs: (path: Path) => boolean,
): Field {
  // A webhook's URL where its key should stand is still a secret.
  const name = key.includes('://') ? 'a URL' : key
  const near = nearest(key, known)
  const severity = isStrict || (path.length === 0 && near && isOurs([near])) ? 'error' : 'warning'
  const where = path.length === 0 ? 'here' : `in ${showPath(path)}`
  const effect = severity === 'warning' ? ', ignored' : ''
  const refusal = `unknown key ${quote(name)} ${where}${effect} — ${adviceFor(near, known)}`
  return { name, severity, refusal, isWritten: false }
}

function adviceFor(near: string | undefined, known: readonly string[]): string {
  if (near) return `did you mean ${quote(near)}?`
  return known.length <= 12 ? `expected one of: ${known.join(', ')}` : 'see docs/configuration.md'
}
