/**
 * The texts to begin with, and those that once broke something, a file each: `NAME.txt` as it is, without its last line break;
 * `NAME.json` where that cannot be seen in a text: a list of pieces, each a text, or a text and how often it stands there.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, 'corpus')

type Piece = string | readonly [text: string, times: number]

export function readCorpus(target: string): Map<string, string> {
  const folder = join(root, target)
  return new Map(readdirSync(folder).map((name) => [name, readText(join(folder, name))]))
}

function readText(file: string): string {
  const text = readFileSync(file, 'utf8')
  if (file.endsWith('.txt')) return text.replace(/\n$/, '')
  const pieces = JSON.parse(text) as readonly Piece[]
  return pieces.map((piece) => (typeof piece === 'string' ? piece : piece[0].repeat(piece[1]))).join('')
}

/** Keeps what broke something. Returns the file's name. */
export function keepFound(target: string, text: string): string {
  const name = `found-${createHash('sha256').update(text).digest('hex').slice(0, 10)}.json`
  mkdirSync(join(root, target), { recursive: true })
  writeFileSync(join(root, target, name), `${JSON.stringify(piecesOf(text), undefined, 2)}\n`)
  return name
}

/** What is repeated once and again is written once. */
function piecesOf(text: string): Piece[] {
  const found = /^([\s\S]{0,200}?)([\s\S]{1,200}?)\2{20,}([\s\S]{0,400})$/.exec(text)
  if (!found) return [text]
  const [, before = '', piece = '', after = ''] = found
  const times = (text.length - before.length - after.length) / piece.length
  return [before, [piece, times], after].filter((one) => one !== '') as Piece[]
}
