/** What has been typed of a command line, as commander will understand it. Pure. */
import type { Argument, Command, Option } from 'commander'

export interface Typed {
  readonly command: Command
  /** The option whose value comes next. */
  readonly awaited: Option | undefined
  /** The argument that comes next, unless an option does. */
  readonly argument: Argument | undefined
  /** Neither a command nor an argument has been typed here. */
  readonly isFirst: boolean
  /** After `--` there are no options. */
  readonly onlyArguments: boolean
  /** Values of options by their long names; of one that was given twice, the last. */
  readonly values: ReadonlyMap<string, string>
}

/** `words` are those behind the program's name, whole ones only. */
export function readTyped(program: Command, words: readonly string[]): Typed {
  const values = new Map<string, string>()
  let command = program
  let awaited: Option | undefined
  let place = 0
  let onlyArguments = false
  for (const word of words) {
    if (awaited) {
      values.set(awaited.long ?? '', word)
      awaited = undefined
    } else if (word === '--' && !onlyArguments) onlyArguments = true
    else if (isOption(word) && !onlyArguments) {
      const { option, value } = readOption(command, word)
      if (option && value !== undefined) values.set(option.long ?? '', value)
      else awaited = option
    } else {
      const below = place === 0 ? childOf(command, word) : undefined
      if (below) command = below
      else place += 1
    }
  }
  const known = command.registeredArguments
  const last = known.at(-1)
  const argument = known[place] ?? (last?.variadic ? last : undefined)
  return { command, awaited, argument, isFirst: place === 0, onlyArguments, values }
}

const isOption = (word: string) => word.length > 1 && word.startsWith('-')

const childOf = (command: Command, word: string) =>
  command.commands.find((one) => one.name() === word || one.aliases().includes(word))

/** The option of a word that takes a value, and the value where it stands in the same word: `--node=x`, `-wsx`. */
export function readOption(
  command: Command,
  word: string,
): { readonly option?: Option; readonly value?: string } {
  if (word.startsWith('--')) {
    const [, name = word, value] = /^(.+?)=(.*)$/s.exec(word) ?? []
    const option = withValue(command, ({ long }) => long === name)
    return option ? { option, ...(value === undefined ? {} : { value }) } : {}
  }
  for (const [index, letter] of [...word].entries()) {
    const option = withValue(command, ({ short }) => short === `-${letter}`)
    const value = word.slice(index + 1)
    if (option) return { option, ...(value === '' ? {} : { value }) }
  }
  return {}
}

const withValue = (command: Command, isMeant: (option: Option) => boolean) =>
  command.options.find((option) => (option.required || option.optional) && isMeant(option))
