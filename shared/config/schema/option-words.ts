/** Words for ssh and rsync that are options and nothing else: a bare one would be taken for a host, a command or a file. Pure. */

/** ssh's options that take a value, in the same word or the next (OpenSSH 9.2; `-P` takes one only in later releases). */
const withValue = 'bceilmopBDEFIJLOQRSwW'

export interface SshWords {
  /** Options and their values, as ssh takes them. */
  readonly words: readonly string[]
  /** What ssh would take for the host, or an option whose value is missing: left out, as the predecessor left it out. */
  readonly stray: readonly string[]
}

/** `sshOptions` as words for ssh. A bare `ConnectTimeout=30` means `-o ConnectTimeout=30`, as with the predecessor. */
export function readSshWords(given: readonly string[]): SshWords {
  const [words, stray]: [string[], string[]] = [[], []]
  for (let index = 0; index < given.length; index += 1) {
    const word = given[index] ?? ''
    const value = given[index + 1]
    if (/^[A-Za-z][A-Za-z0-9]*=./.test(word)) words.push('-o', word)
    else if (!/^-[A-Za-z0-9]/.test(word)) stray.push(word)
    else if (!takesNext(word)) words.push(word)
    else if (value === undefined) stray.push(word)
    else {
      words.push(word, value)
      index += 1
    }
  }
  return { words, stray }
}

/** Does the value of this option stand in the next word? */
function takesNext(option: string): boolean {
  const valueAt = [...option].findIndex((letter, place) => place > 0 && withValue.includes(letter))
  return valueAt === option.length - 1
}

/** The first word that rsync would not take for an option; a value has to stand in its option's word (`--option=value`). */
export const strayForRsync = (words: readonly string[]): string | undefined =>
  words.find((word) => !/^-(-?[A-Za-z0-9])/.test(word))
