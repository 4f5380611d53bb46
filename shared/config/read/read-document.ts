/** The file's bytes as a YAML (or JSON) document with places; what is no YAML is said in our own words. */
import { type Buffer, isUtf8 } from 'node:buffer'
import {
  type Document,
  isMap,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type YAMLError,
  type YAMLMap,
} from 'yaml'
import { type Finding, placeAt } from './places.ts'

export interface ReadDocument {
  readonly document: Document
  readonly lines: LineCounter
  readonly findings: readonly Finding[]
}

// The parser's own messages quote the file, which may hold a webhook URL: only its codes are used.
const sentences: Partial<Record<YAMLError['code'], string>> = {
  BAD_INDENT: 'wrong indentation — expected the entries of one map or list to start in one column',
  TAB_AS_INDENT: 'a tab indents this line — expected spaces',
  MULTIPLE_DOCS: 'a second document starts here — expected one document in the file',
  BAD_ALIAS: 'not valid YAML: an anchor or alias without a name — expected &name or *name',
  MISSING_CHAR:
    'not valid YAML: something that was opened is not closed — expected a closing quote, bracket, comma or colon',
  MULTILINE_IMPLICIT_KEY: 'not valid YAML: a key runs over several lines — expected "key: value" in one line',
  BLOCK_AS_IMPLICIT_KEY:
    'not valid YAML: a second ": " in this line — expected quotes around a text that holds ": "',
  BAD_DQ_ESCAPE:
    'not valid YAML: unknown escape between double quotes — expected single quotes or \\\\ for a backslash',
  RESOURCE_EXHAUSTION:
    'too many maps and lists inside each other — expected a configuration as in docs/configuration.md',
  BAD_SCALAR_START: 'not valid YAML: a text cannot start with this character — expected quotes around it',
}

/** Parses the bytes. With findings of severity `error` the document is of no use. */
export function readDocument(bytes: Buffer): ReadDocument {
  const lines = new LineCounter()
  const error = (offset: number, message: string): Finding => ({
    severity: 'error',
    ...placeAt(lines, offset),
    path: '',
    message,
  })

  const text = bytes.toString('utf8')
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    // The library's own search compares every key with every other: repeatedKeys() does not.
    uniqueKeys: false,
    logLevel: 'error',
  })
  if (!isUtf8(bytes)) {
    return {
      document,
      lines,
      findings: [error(0, 'the file is not UTF-8 text — expected YAML or JSON in UTF-8')],
    }
  }
  const findings = document.errors
    .filter(isNoMereEnd(text))
    .map(({ code, pos }) =>
      error(pos[0], sentences[code] ?? 'not valid YAML here — expected "key: value" lines, or JSON'),
    )
  if (findings.length === 0)
    for (const offset of repeatedKeys(document))
      findings.push(error(offset, 'this key stands in the map twice — keep one'))
  if (findings.length === 0 && document.contents === null) {
    findings.push(
      error(0, 'the file is empty — expected at least keytabPath, kerberosPrincipalPattern and experiments'),
    )
  } else if (findings.length === 0 && !isMap(document.contents)) {
    findings.push(
      error(
        document.contents?.range?.[0] ?? 0,
        'the file is not a map — expected "key: value" lines such as "experiments:"',
      ),
    )
  }
  return { document, lines, findings }
}

/** Where keys stand that their map has already. */
function repeatedKeys(document: Document): number[] {
  const offsets: number[] = []
  const search = ({ items }: YAMLMap) => {
    const seen = new Set<unknown>()
    for (const { key } of items) {
      const name = isScalar(key) ? key.value : key
      if (seen.has(name)) offsets.push((isScalar(key) && key.range?.[0]) || 0)
      seen.add(name)
    }
  }
  visit(document, { Map: (_key, map) => search(map) })
  return offsets
}

/** `---` at the end opens a second document in which nothing stands. */
const isNoMereEnd =
  (text: string) =>
  ({ code, pos }: YAMLError) =>
    code !== 'MULTIPLE_DOCS' ||
    text
      .slice(pos[0])
      .replace(/^---/, '')
      .split('\n')
      .some((line) => !/^\s*(?:#|$)/.test(line))
