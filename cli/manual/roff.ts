/** The few requests of man(7) that the pages are made of, and text as roff takes it: nothing in it is a request. Pure. */

const inText: Readonly<Record<string, string>> = {
  '\\': '\\e',
  '-': '\\-',
  "'": '\\(aq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
  '"': '\\(dq',
}

const literal = (text: string) =>
  text
    .replaceAll(/[\\\-'`^~"]/g, (letter) => inText[letter] ?? letter)
    .replaceAll(/[^\0-\x7f]/gu, (letter) => `\\[u${hexOf(letter)}]`)

const hexOf = (letter: string) => letter.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')

/** A paragraph; what stands between backticks is bold. */
export const text = (words: string) =>
  fold(
    words
      .split('`')
      .map((part, index) => (index % 2 === 1 ? bold(part) : literal(part)))
      .join(''),
  )

/** In lines that an editor shows whole; a dot at the begin of one would be a request. */
const fold = (words: string) =>
  words
    .trim()
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/(.{1,72})(?: |$)/g, '$1\n')
    .trimEnd()
    .replaceAll(/^\./gm, '\\&.')

export const bold = (word: string) => `\\fB${literal(word)}\\fR`

export const section = (title: string) => `.SH "${literal(title)}"`
export const part = (title: string) => `.SS "${literal(title)}"`
export const paragraph = (line: string) => `.PP\n${text(line)}`

/** Something with its meaning below it, set in. */
export const item = (term: string, meaning: string) => `.TP\n${term}\n${text(meaning)}`

/** Lines as they are. */
export const verbatim = (lines: string) =>
  `.PP\n.nf\n.RS 4\n${literal(lines).replaceAll(/^\./gm, '\\&.')}\n.RE\n.fi`

export interface Title {
  readonly name: string
  readonly section: 1 | 5
  readonly version: string
  /** `2026-11-30`, or empty. */
  readonly date: string
}

export function page({ name, section: number, version, date }: Title, blocks: readonly string[]): string {
  const title = `.TH "${literal(name.toUpperCase())}" ${number} "${date}" "managed\\-tokens ${literal(version)}" "Managed Tokens"`
  // Hyphens are none of a command's, and a line that is stretched is none of an example's.
  const lines = [title, '.nh', '.ad l', ...blocks].join('\n')
  return `${lines.replaceAll(/^(\.S[HS] .*)\n\.PP\n/gm, '$1\n')}\n`
}
