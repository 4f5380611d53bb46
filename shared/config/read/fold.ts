/** A parsed YAML document as the plain value a schema describes: keys matched whatever their case, every place remembered. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
  type Pair,
  type Scalar,
} from 'yaml'
import { z } from '../../contracts/zod.ts'
import { quote } from '../schema/grammar.ts'
import { aliasTargets } from './aliases.ts'
import { keyText, mergedPairs, TooMuch } from './merged-pairs.ts'
import { nearest } from './problem.ts'
import { innermost, readScalar } from './scalar.ts'
import { mapForm } from './union.ts'

export interface Place {
  readonly line: number
  readonly column: number
}
export type Path = readonly PropertyKey[]
export interface Finding extends Place {
  readonly severity: 'error' | 'warning'
  readonly path: string
  readonly message: string
}
export interface Folded {
  readonly value: unknown
  readonly findings: Finding[]
  /** Where the key (or list item) at this path, or its nearest parent, stands. */
  keyPlace(path: Path): Place
  /** Where its value stands. */
  valuePlace(path: Path): Place
  /** Is this key written in the file, be it without a value? */
  isWritten(path: Path): boolean
  /** Is any key written below this one? */
  hasBelow(path: Path): boolean
}

/** Values that a file may have, those behind an alias counted each time: of a few lines they could be billions. */
const mostValues = 500_000

export const showPath = (path: Path) => path.map(String).join('.')
const indexOf = (path: Path) => path.map(String).join('\0')

/**
 * Follows `schema` through the document. Empty values count as absent, a list may be one text (words separated by blanks
 * or commas), numbers and truth values may be quoted: the predecessor's reader takes all that. Nothing is validated here.
 */
export function fold(
  document: Document,
  lines: LineCounter,
  schema: z.core.$ZodType,
  ownSections: readonly string[],
): Folded {
  const findings: Finding[] = []
  const keys = new Map<string, Place>()
  const parents = new Set<string>()
  const values = new Map<string, Place>()
  const start: Place = { line: 1, column: 1 }

  const placeOf = (node: unknown): Place | undefined => {
    const offset = (node as Node | null)?.range?.[0]
    if (offset === undefined) return undefined
    const { line, col } = lines.linePos(offset)
    return line > 0 ? { line, column: col } : start
  }
  const lost = new Set<unknown>()
  const targets = aliasTargets(document)
  let followed = 0
  const follow = (node: unknown): unknown => {
    followed += 1
    if (followed > mostValues) throw new TooMuch()
    if (!isAlias(node)) return node
    const target = targets.get(node)
    if (target === undefined && !lost.has(node)) {
      lost.add(node)
      const message = `nothing before this is called &${node.source} — expected an anchor of that name`
      findings.push({ severity: 'error', ...(placeOf(node) ?? start), path: '', message })
    }
    return target
  }

  const noteKey = (path: Path, place: Place) => {
    keys.set(indexOf(path), place)
    parents.add(indexOf(path.slice(0, -1)))
  }

  const find = (places: Map<string, Place>, path: Path): Place => {
    for (let length = path.length; length > 0; length--) {
      const place = places.get(indexOf(path.slice(0, length)))
      if (place) return place
    }
    return start
  }

  const note = (severity: Finding['severity'], place: Place, path: Path, message: string) => {
    findings.push({ severity, ...place, path: showPath(path), message })
  }
  const isOurs = ([first]: Path) => ownSections.some((section) => section === first)

  /** A value that means something else to the predecessor than it seems is taken as it takes it, and told. */
  function readValue(node: Scalar, schema: z.core.$ZodType, path: Path): unknown {
    const { value, warning } = readScalar(node, schema, isOurs(path))
    if (warning) note('warning', placeOf(node) ?? start, path, `${showPath(path)}: ${warning}`)
    return value
  }

  function foldMap(
    map: { items: Pair[] },
    path: Path,
    canonical: (key: string, place: Place) => Field | undefined,
  ) {
    const result: Record<string, unknown> = Object.create(null)
    const first = new Map<string, Place>()
    for (const pair of mergedPairs(map, follow)) {
      const text = keyText(pair.key, follow)
      const place = placeOf(pair.key) ?? find(values, path)
      const field = canonical(text, place)
      if (!field) continue
      const here = [...path, field.name]
      const before = first.get(field.name)
      if (before) {
        const message = `${quote(text)} stands here twice (keys are the same whatever their case; the other is in line ${before.line}): keep one`
        findings.push({ severity: 'error', ...place, path: showPath(here), message })
        continue
      }
      first.set(field.name, place)
      noteKey(here, place)
      values.set(indexOf(here), placeOf(pair.value) ?? place)
      const value = foldNode(follow(pair.value), field.schema, here)
      if (value !== undefined) result[field.name] = value
      else if (field.required) result[field.name] = {}
    }
    return result
  }

  interface Field {
    readonly name: string
    readonly schema: z.core.$ZodType
    /** Present even when empty: an experiment without anything has to be noticed. */
    readonly required?: boolean
  }

  function foldNode(node: unknown, outer: z.core.$ZodType, path: Path): unknown {
    const form = isMap(node) ? mapForm(innermost(outer)) : innermost(outer)
    const def = form._zod.def as {
      type: string
      shape?: Record<string, z.core.$ZodType>
      catchall?: z.core.$ZodType
      valueType?: z.core.$ZodType
      element?: z.core.$ZodType
    }
    if (
      node === null ||
      node === undefined ||
      (isScalar(node) && (node.value === null || node.value === undefined))
    )
      return undefined
    if (def.shape && isMap(node)) {
      const byFolded = new Map(Object.keys(def.shape).map((name) => [name.toLowerCase(), name]))
      return foldMap(node as { items: Pair[] }, path, (key, place) => {
        const name = byFolded.get(key.toLowerCase())
        const schema = name === undefined ? undefined : def.shape?.[name]
        if (name !== undefined && schema) return { name, schema }
        findings.push({
          ...unknownKey(key, [...byFolded.values()], path, def.catchall !== undefined),
          ...place,
        })
        return undefined
      })
    }
    if (def.valueType && isMap(node)) {
      const schema = def.valueType
      return foldMap(node as { items: Pair[] }, path, (key, place) => {
        // The one name that validation would pass over in silence.
        if (key !== '__proto__') return { name: key.toLowerCase(), schema, required: true }
        noteKey([...path, key], place)
        const message = `${quote(key)} cannot be a name — expected letters and digits`
        findings.push({ severity: 'error', ...place, path: showPath([...path, key]), message })
        return undefined
      })
    }
    if (def.element && isSeq(node)) {
      const schema = def.element
      const list: unknown[] = []
      for (const item of node.items) {
        const here = [...path, list.length]
        const place = placeOf(item) ?? find(values, path)
        values.set(indexOf(here), place)
        const target = follow(item)
        const isEmpty = target === null || (isScalar(target) && target.value === null)
        if (!isEmpty || isOurs(path)) list.push(foldNode(target, schema, here) ?? null)
        else note('warning', place, path, `${showPath(path)} has an empty item, ignored: it can go`)
      }
      return list
    }
    // An empty text says nothing, unless its key has a use for one (`sshOptionsOverride: ""` switches the global ones off).
    if (isScalar(node) && node.value === '' && !z.safeParse(outer, '').success) return undefined
    if (isScalar(node)) return readValue(node, outer, path)
    return isSeq(node) ? [] : {}
  }

  function unknownKey(key: string, known: readonly string[], path: Path, strict: boolean): Finding {
    // A webhook's URL where its key should stand is still a secret.
    const name = key.includes('://') ? 'a URL' : key
    const near = nearest(key, known)
    const severity = strict || (path.length === 0 && near && ownSections.includes(near)) ? 'error' : 'warning'
    const where = path.length === 0 ? 'here' : `in ${showPath(path)}`
    const advice = near
      ? `did you mean ${quote(near)}?`
      : known.length <= 12
        ? `expected one of: ${known.join(', ')}`
        : 'see docs/configuration.md'
    const effect = severity === 'warning' ? ', ignored' : ''
    return {
      severity,
      ...start,
      path: showPath([...path, name]),
      message: `unknown key ${quote(name)} ${where}${effect} — ${advice}`,
    }
  }

  const value = foldNode(follow(document.contents), schema, [])
  return {
    value,
    findings,
    keyPlace: (path) => find(keys, path),
    valuePlace: (path) => find(values, path),
    isWritten: (path) => keys.has(indexOf(path)),
    hasBelow: (path) => parents.has(indexOf(path)),
  }
}
