/** A parsed YAML document as the plain value a schema describes: keys matched whatever their case, every place remembered. */
import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import { z } from '../../contracts/zod.ts'
import { quote } from '../schema/grammar.ts'
import { openFollow } from './aliases.ts'
import { fieldOf, type MapShape } from './fields.ts'
import { type Follow, keyText, mergedPairs } from './merged-pairs.ts'
import {
  type Finding,
  type OpenPlaces,
  openPlaces,
  type Path,
  type Place,
  type Places,
  showPath,
  start,
} from './places.ts'
import { readScalar } from './scalar.ts'
import { shapeOf } from './shape.ts'

export interface Folded extends Places {
  readonly value: unknown
  readonly findings: Finding[]
}

interface Folding {
  readonly places: OpenPlaces
  readonly follow: Follow
  readonly isOurs: (path: Path) => boolean
  readonly tell: Tell
}
type Tell = (severity: Finding['severity'], place: Place, path: Path, message: string) => void

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
  const places = openPlaces(lines)
  const tell: Tell = (severity, place, path, message) => {
    findings.push({ severity, ...place, path: showPath(path), message })
  }
  const follow = openFollow(document, (alias) => {
    const message = `nothing before this is called &${alias.source} — expected an anchor of that name`
    tell('error', places.find(alias) ?? start, [], message)
  })
  const isOurs = ([first]: Path) => ownSections.some((section) => section === first)
  const value = foldNode(follow(document.contents), schema, [], { places, follow, isOurs, tell })
  return { ...places, value, findings }
}

function foldNode(node: unknown, schema: z.core.$ZodType, path: Path, folding: Folding): unknown {
  if (isNothing(node)) return undefined
  const shape = shapeOf(schema, isMap(node))
  if (isMap(node))
    return shape.kind === 'keys' || shape.kind === 'names' ? foldMap(node, shape, path, folding) : {}
  if (isSeq(node)) return shape.kind === 'list' ? foldList(node, shape.item, path, folding) : []
  if (!isScalar(node)) return {}
  // An empty text says nothing, unless its key has a use for one (`sshOptionsOverride: ""` switches the global ones off).
  if (node.value === '' && !z.safeParse(schema, '').success) return undefined
  return foldScalar(node, schema, path, folding)
}

function isNothing(node: unknown): boolean {
  const value = isScalar(node) ? node.value : node
  return value === null || value === undefined
}

function foldMap(map: YAMLMap, shape: MapShape, path: Path, folding: Folding) {
  const { places, follow, isOurs, tell } = folding
  const result: Record<string, unknown> = Object.create(null)
  const first = new Map<string, Place>()
  for (const { key, value } of mergedPairs(map, follow)) {
    const text = keyText(key, follow)
    const place = places.find(key) ?? places.valuePlace(path)
    const field = fieldOf(text, shape, path, isOurs)
    const here = [...path, field.name]
    if ('refusal' in field) {
      if (field.isWritten) places.noteKey(here, place)
      tell(field.severity, place, here, field.refusal)
      continue
    }
    const before = first.get(field.name)
    if (before) {
      const message = `${quote(text)} stands here twice (keys are the same whatever their case; the other is in line ${before.line}): keep one`
      tell('error', place, here, message)
      continue
    }
    first.set(field.name, place)
    places.noteKey(here, place)
    places.noteValue(here, places.find(value) ?? place)
    const folded = foldNode(follow(value), field.schema, here, folding)
    if (folded !== undefined || field.isRequired) result[field.name] = folded ?? {}
  }
  return result
}

function foldList({ items }: YAMLSeq, schema: z.core.$ZodType, path: Path, folding: Folding): unknown[] {
  const { places, follow, isOurs, tell } = folding
  const list: unknown[] = []
  for (const item of items) {
    const here = [...path, list.length]
    const place = places.find(item) ?? places.valuePlace(path)
    places.noteValue(here, place)
    const target = follow(item)
    const isEmpty = target === null || (isScalar(target) && target.value === null)
    if (!isEmpty || isOurs(path)) list.push(foldNode(target, schema, here, folding) ?? null)
    else tell('warning', place, path, `${showPath(path)} has an empty item, ignored: it can go`)
  }
  return list
}

/** A value that means something else to the predecessor than it seems is taken as it takes it, and told. */
function foldScalar(node: Scalar, schema: z.core.$ZodType, path: Path, { places, isOurs, tell }: Folding) {
  const { value, warning } = readScalar(node, schema, isOurs(path))
  if (warning) tell('warning', places.find(node) ?? start, path, `${showPath(path)}: ${warning}`)
  return value
}
