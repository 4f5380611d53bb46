/** What may be typed next. Pure but for the names of the configuration, which are read where they are asked for. */
import type { Argument, Command, Option } from 'commander'
import type { ConfiguredNames } from './configured-names.ts'
import { readOption, readTyped, type Typed } from './typed.ts'

export interface Candidate {
  readonly word: string
  readonly meaning: string
}

/** Words; or that the shell knows better: files and directories are its own. */
export type Candidates = readonly Candidate[] | 'files' | 'directories'

/** The names of the configuration that was typed, or of the usual one. */
export type ReadNames = (config: string | undefined) => ConfiguredNames

/** For the last of `words`, which may be empty or half a word; they are those behind the program's name. */
export function findCandidates(program: Command, words: readonly string[], readNames: ReadNames): Candidates {
  const current = words.at(-1) ?? ''
  const typed = readTyped(program, words.slice(0, -1))
  const found = findAny(typed, current, () => readNames(typed.values.get('--config')))
  return typeof found === 'string' ? found : found.filter(({ word }) => word.startsWith(current))
}

type Names = () => ConfiguredNames

function findAny(typed: Typed, current: string, names: Names): Candidates {
  if (typed.awaited) return valuesOf(typed.awaited, names)
  if (!current.startsWith('-') || typed.onlyArguments) return findWords(typed, current, names)
  const [begin] = /^--[^=]+=/.exec(current) ?? []
  if (begin === undefined) return optionsOf(typed.command)
  const { option } = readOption(typed.command, begin)
  const values = option ? valuesOf(option, names) : []
  return typeof values === 'string' ? values : values.map((one) => ({ ...one, word: begin + one.word }))
}

/** Commands and arguments; where there is neither, what else is there is shown without being asked for. */
function findWords(
  { command, argument, isFirst, onlyArguments }: Typed,
  current: string,
  names: Names,
): Candidates {
  const below = isFirst ? commandsOf(command) : []
  const values = argument ? valuesOf(argument, names) : []
  if (typeof values === 'string') return values
  const found = [...below, ...values]
  return found.length === 0 && current === '' && !onlyArguments ? optionsOf(command) : found
}

const commandsOf = (command: Command) =>
  command
    .createHelp()
    .visibleCommands(command)
    .map((one) => ({ word: one.name(), meaning: one.summary() || one.description() }))

const optionsOf = (command: Command) =>
  command
    .createHelp()
    .visibleOptions(command)
    .map(({ long, short, description }) => ({ word: long ?? short ?? '', meaning: description }))

function valuesOf(one: Option | Argument, names: Names): Candidates {
  if (one.argChoices) return asWords(one.argChoices)
  switch (placeholderOf(one)) {
    case 'FILE':
      return 'files'
    case 'DIR':
      return 'directories'
    case 'SERVICE':
    case 'SERVICES':
      return asWords(names().services)
    case 'EXPERIMENT':
      return asWords(names().experiments)
    case 'NODE':
      return asWords(names().nodes)
    default:
      return []
  }
}

const asWords = (words: readonly string[]) => words.map((word) => ({ word, meaning: '' }))

/** What stands for the value in the help, `FILE`; a `NAME` is what its option is called. */
function placeholderOf(one: Option | Argument): string | undefined {
  if (!('flags' in one)) return one.name()
  const [, word] = /[<[](\w+)/.exec(one.flags) ?? []
  return word === 'NAME' ? one.name().toUpperCase() : word
}
