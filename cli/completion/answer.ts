/** `managed-tokens complete`, which the shells' functions ask: a line for each candidate. Says nothing where something is wrong. */
import type { Command } from 'commander'
import { type Candidate, findCandidates } from './candidates.ts'
import { readConfiguredNames } from './configured-names.ts'

/** `words` as the shell has them, the program's name first and the one at the cursor last. */
export function answer(program: Command, [, ...words]: readonly string[]): string {
  try {
    const joined = join(words)
    const found = findCandidates(program, joined, readConfiguredNames)
    if (typeof found === 'string') return `:${found}\n`
    const before = (joined.at(-1) ?? '').length - pieceOf(words.at(-1) ?? '').length
    return found.map((one) => lineOf(one, before)).join('')
  } catch {
    return ''
  }
}

const breaks = /^[=:]+$/

/** bash takes words apart at `=` and `:`, which then are words of their own. */
function join(pieces: readonly string[]): string[] {
  const words: string[] = []
  for (const [index, piece] of pieces.entries()) {
    const before = pieces[index - 1]
    const goesOn = before !== undefined && (breaks.test(piece) || breaks.test(before))
    if (goesOn) words.push(`${words.pop()}${piece}`)
    else words.push(piece)
  }
  return words
}

/** What the shell will replace of the word. */
const pieceOf = (piece: string) => (breaks.test(piece) ? '' : piece)

/** `word<tab>meaning`. */
const lineOf = ({ word, meaning }: Candidate, before: number) =>
  `${word.slice(before)}\t${meaning.replace(/\s+/g, ' ')}\n`
