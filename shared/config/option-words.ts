/** Words for ssh and rsync that are options and nothing else: a bare one would be taken for a host, a command or a file. Pure. */
import { commandWords, quote } from './grammar.ts'
import { splitWords } from './words.ts'

/** ssh's options that take a value, in the same word or the next (OpenSSH 9.2; `-P` takes one only in later releases). */
const withValue = 'bceilmopBDEFIJLOQRSwW'

/** The first word that ssh would not take for an option or its value; undefined when there is none. */
export function strayForSsh(words: readonly string[]): string | undefined {
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? ''
    if (!/^-[A-Za-z0-9]/.test(word)) return word
    const valueAt = [...word].findIndex((letter, place) => place > 0 && withValue.includes(letter))
    const isInNext = valueAt === word.length - 1
    if (isInNext && index + 1 === words.length) return word
    if (isInNext) index += 1
  }
  return undefined
}

/** The same for rsync, where a value has to stand in its option's word (`--option=value`). */
export const strayForRsync = (words: readonly string[]): string | undefined =>
  words.find((word) => !/^-(-?[A-Za-z0-9])/.test(word))

/** `sshOptions`: words, each of them an option or the value of one. */
export const sshOptionWords = commandWords.refine(
  (text) => strayForSsh(splitWords(text) ?? []) === undefined,
  {
    error: ({ input }) =>
      `${quote(strayForSsh(splitWords(String(input)) ?? []))} is not an option of ssh, nor the value of one: it would be taken for the host`,
  },
)
