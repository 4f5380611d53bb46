/** Makes texts that are nearly right: those of the corpus, changed here and there, put together anew, or grown to their limit. */
import fc from 'fast-check'
import { planted } from './promises.ts'
import type { FuzzTarget } from './target.ts'

/** What breaks out of a text, whatever reads it. */
const hostile = [
  ...[
    '\n',
    '\r\n',
    '\t',
    ' ',
    '\u0000',
    '\u001b[2J',
    '\u001b]8;;http://x\u0007',
    '\u009b31m',
    '\u2028',
    '\u202e',
    '\ud800',
  ],
  ...[
    '"',
    "'",
    '\\',
    '`',
    '$(id)',
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '<!channel>',
    '<script>',
    '%s',
    '%00',
    '../..',
    '-oProxyCommand=x',
  ],
  ...[
    'null',
    'true',
    '{}',
    '[]',
    '-1',
    '0',
    '1e999',
    '9007199254740993',
    '99999999999999999999',
    '0x10',
    'NaN',
    '٣',
  ],
  ...['__proto__', 'constructor', '{"__proto__":{"polluted":1}}', 'toString', 'é', '😀', 'İ'],
]

interface Edit {
  /** A part of the whole, from 0 to 1. */
  readonly at: number
  /** So much is taken out there (characters, or a part of what is left where it is below 1). */
  readonly out: number
  readonly put: string
}

function edited(text: string, edits: readonly Edit[]): string {
  return edits.reduce((before, { at, out, put }) => {
    const from = Math.floor(at * (before.length + 1))
    const length = out < 1 ? Math.floor(out * (before.length - from)) : Math.floor(out)
    return before.slice(0, from) + put + before.slice(from + length)
  }, text)
}

/** JSON whose values are others': in the place of one, something else, or something beside it. */
function changedJson(text: string, at: number, put: unknown, key: string): string {
  const places: [object, string][] = []
  const walk = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return
    for (const name of Object.keys(value)) {
      places.push([value, name])
      walk(Reflect.get(value, name))
    }
  }
  const value = parsed(text)
  walk(value)
  const place = places[Math.floor(at * places.length)]
  if (!place) return text
  const [holder, name] = place
  if (put === undefined) Reflect.deleteProperty(holder, name)
  else Reflect.set(holder, key === '' || Array.isArray(holder) ? name : key, put)
  return JSON.stringify(value)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const part = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

/** Texts for a target whose corpus is this one. */
export function textsFor({ words, longest }: FuzzTarget, corpus: readonly string[]): fc.Arbitrary<string> {
  const seed = fc.constantFrom(...corpus.filter((text) => text.length <= longest), '')
  const word = fc.constantFrom(...words, ...planted)
  const slice = fc.tuple(seed, part, part).map(([text, from, size]) => {
    const start = Math.floor(from * text.length)
    return text.slice(start, start + 1 + Math.floor(size * 80))
  })
  const piece = fc.oneof(
    { weight: 4, arbitrary: word },
    { weight: 3, arbitrary: fc.constantFrom(...hostile) },
    { weight: 3, arbitrary: slice },
    fc.string({ maxLength: 12 }),
    fc.string({ unit: 'binary', maxLength: 4 }),
  )
  const edit = fc.record({
    at: part,
    out: fc.oneof(fc.constant(0), fc.nat(8), part),
    put: fc.oneof(piece, fc.constant('')),
  })
  const changed = fc.tuple(seed, fc.array(edit, { maxLength: 5 })).map(([text, edits]) => edited(text, edits))
  const made = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
  const value = fc.oneof(
    fc.constantFrom(...words),
    fc.constantFrom(...hostile),
    fc.anything({ maxDepth: 2 }),
    fc.double(),
    fc.maxSafeInteger(),
  )
  const inJson = fc
    .tuple(
      seed,
      part,
      fc.option(value, { nil: undefined }),
      fc.oneof(fc.constant(''), fc.constantFrom(...hostile, ...words)),
    )
    .map(([text, at, put, key]) => changedJson(text, at, typeof put === 'bigint' ? String(put) : put, key))
  const grown = fc
    .tuple(piece, piece, piece, fc.integer({ min: 1_000, max: longest }))
    .map(([before, again, after, size]) =>
      `${before}${again.repeat(Math.ceil(size / Math.max(1, again.length)))}${after}`.slice(0, longest),
    )
  return fc
    .oneof(
      { weight: 40, arbitrary: changed },
      { weight: 20, arbitrary: made },
      { weight: corpus.some((text) => typeof parsed(text) === 'object') ? 40 : 0, arbitrary: inJson },
      { weight: 3, arbitrary: grown },
    )
    .filter((text) => text.length <= longest)
}
