/** Adds keys to a configuration that lacks them: lines come in, and every other byte stays where it is. Pure. */
import { isDeepStrictEqual } from 'node:util'
import { type Document, isMap, isScalar, LineCounter, type Pair, parseDocument, type YAMLMap } from 'yaml'

type Value = string | number | readonly string[]

export interface Section {
  readonly name: string
  readonly keys: Readonly<Record<string, Value>>
}

export type Added =
  | { readonly kind: 'complete' }
  /** No YAML, nor JSON. */
  | { readonly kind: 'unreadable' }
  /** Lines before others (counted from 1), and lines at the end. */
  | {
      readonly kind: 'lines'
      readonly insertions: readonly { readonly before: number; readonly line: string }[]
      readonly appended: readonly string[]
      readonly lines: string
    }
  /** It is written in a way in which lines cannot be added safely. */
  | { readonly kind: 'by-hand'; readonly lines: string }

/** What has to be added to `text`; what stands there counts, in any case, whatever its value. */
export function addMissing(text: string, wanted: readonly Section[]): Added {
  if (parse(text).errors.length > 0) return { kind: 'unreadable' }
  const missing = missingIn(toPlain(parse(text)), wanted)
  if (missing.length === 0) return { kind: 'complete' }
  const lines = missing.flatMap((section) => sectionLines(section)).join('\n')
  const edit = place(text, missing)
  if (!edit || !isDeepStrictEqual(toPlain(parse(apply(text, edit))), merged(text, missing)))
    return { kind: 'by-hand', lines }
  return { kind: 'lines', lines, ...edit }
}

const parse = (text: string, lineCounter?: LineCounter): Document =>
  parseDocument(text, { logLevel: 'error', ...(lineCounter ? { lineCounter } : {}) })

type Plain = Record<string, unknown>

function toPlain(document: Document): Plain {
  const found: unknown = document.errors.length === 0 ? document.toJS() : {}
  return isRecord(found) ? found : {}
}

const isRecord = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** As the daemons fold it. */
const keyIn = (plain: Plain, name: string) =>
  Object.keys(plain).find((key) => key.toLowerCase() === name.toLowerCase())

function missingIn(plain: Plain, wanted: readonly Section[]): Section[] {
  return wanted.flatMap(({ name, keys }) => {
    const section = plain[keyIn(plain, name) ?? name] ?? {}
    const lacks = Object.entries(keys).filter(([key]) => !isRecord(section) || !keyIn(section, key))
    return lacks.length > 0 ? [{ name, keys: Object.fromEntries(lacks) }] : []
  })
}

function merged(text: string, missing: readonly Section[]): Plain {
  const plain = toPlain(parse(text))
  const sections = missing.map(({ name, keys }) => {
    const found = keyIn(plain, name) ?? name
    return [found, { ...(plain[found] as Plain | null), ...keys }]
  })
  return { ...plain, ...Object.fromEntries(sections) }
}

interface Edit {
  readonly insertions: readonly { readonly before: number; readonly line: string }[]
  readonly appended: readonly string[]
}

/** Undefined where the file is no map in block style. */
function place(text: string, missing: readonly Section[]): Edit | undefined {
  const lines = new LineCounter()
  const { contents } = parse(text, lines)
  if (!isMap(contents) || contents.flow) return undefined
  const insertions: { before: number; line: string }[] = []
  const appended: string[] = []
  for (const section of missing) {
    const pair = pairOf(contents, section.name)
    if (!pair) appended.push(...sectionLines(section))
    else {
      const first = placeIn(pair, lines)
      if (!first) return undefined
      for (const line of keyLines(section.keys, first.indent)) insertions.push({ before: first.line, line })
    }
  }
  return { insertions, appended }
}

const pairOf = (map: YAMLMap, name: string) =>
  map.items.find(({ key }) => isScalar(key) && String(key.value).toLowerCase() === name.toLowerCase())

/** Before the first key of a section, as far in as that one is. */
function placeIn({ value }: Pair, lines: LineCounter): { line: number; indent: number } | undefined {
  if (!isMap(value) || value.flow) return undefined
  const key = value.items[0]?.key
  const offset = isScalar(key) ? key.range?.[0] : undefined
  if (offset === undefined) return undefined
  const { line, col } = lines.linePos(offset)
  return { line, indent: col - 1 }
}

const sectionLines = ({ name, keys }: Section) => [`${name}:`, ...keyLines(keys, 2)]

const keyLines = (keys: Section['keys'], indent: number) =>
  Object.entries(keys).map(([key, value]) => `${' '.repeat(indent)}${key}: ${shown(value)}`)

const shown = (value: Value) => (Array.isArray(value) ? `[${value.join(', ')}]` : String(value))

/** The text as it will be. */
export function apply(text: string, { insertions, appended }: Edit): string {
  const rows = text.replace(/\n$/, '').split('\n')
  const before = Map.groupBy(insertions, (one) => one.before)
  const all = rows.flatMap((row, index) => [...(before.get(index + 1) ?? []).map(({ line }) => line), row])
  return `${[...all, ...appended].join('\n')}\n`
}
