/** managed-tokens(1): the texts of `--help`, of every command that it shows. Pure. */
import type { Command, Help, Option } from 'commander'
import { bold, item, page, paragraph, part, section, text, verbatim } from './roff.ts'

/** What surrounds the commands: nobody asks for it by `--help`. */
export interface Surroundings {
  readonly version: string
  readonly date: string
  /** Each with its meaning. */
  readonly environment: Readonly<Record<string, string>>
  readonly files: Readonly<Record<string, string>>
}

export function commandPage(program: Command, { version, date, environment, files }: Surroundings): string {
  const name = program.name()
  const { examples, remarks } = textsAfter(program)
  return page({ name, section: 1, version, date }, [
    section('NAME'),
    text(`${name} - ${lower(program.description())}`),
    section('SYNOPSIS'),
    `${bold(name)} \\fICOMMAND\\fR [\\fIOPTION\\fR ...] [\\fIARGUMENT\\fR ...]`,
    section('DESCRIPTION'),
    text(program.description()),
    section('COMMANDS'),
    ...shown(program).flatMap((command) => describe(command, name)),
    section('OPTIONS'),
    ...optionsOf(program),
    section('EXIT STATUS'),
    ...remarks.map(paragraph),
    section('ENVIRONMENT'),
    ...itemsOf(environment),
    section('FILES'),
    ...itemsOf(files),
    section('EXAMPLES'),
    ...examples.map(verbatim),
    section('SEE ALSO'),
    `${bold('managedTokens.yml')}(5), ${bold('nats-server')}(8), ${bold('htgettoken')}(1), ${bold('ssh')}(1)`,
  ])
}

const lower = (sentence: string) => sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/, '')

const itemsOf = (meanings: Readonly<Record<string, string>>) =>
  Object.entries(meanings).map(([term, meaning]) => item(bold(term), meaning))

const helpOf = (command: Command): Help => command.createHelp()

const shown = (command: Command) =>
  helpOf(command)
    .visibleCommands(command)
    .filter((one) => one.name() !== 'help')

/** A command with all below it; one that only has others below it is no part of its own. */
function describe(command: Command, parent: string): string[] {
  const name = `${parent} ${command.name()}`
  const below = shown(command)
  if (below.length > 0) return below.flatMap((one) => describe(one, name))
  const { examples, remarks } = textsAfter(command)
  return [
    part(`${name} ${command.usage()}`.trim()),
    ...command.aliases().map((alias) => `${text('Also')} ${bold(alias)}.\n.PP`),
    text(command.description()),
    ...argumentsOf(command),
    ...optionsOf(command).slice(0, -1),
    ...remarks.map(paragraph),
    ...examples.map(verbatim),
  ]
}

const argumentsOf = (command: Command) =>
  helpOf(command)
    .visibleArguments(command)
    .map((one) => item(bold(one.name()), helpOf(command).argumentDescription(one)))

const optionsOf = (command: Command) =>
  helpOf(command)
    .visibleOptions(command)
    .map((option) => item(flagsOf(option), helpOf(command).optionDescription(option)))

const flagsOf = ({ flags }: Option) => bold(flags)

/** What a command's help says after its options: examples are set in by two blanks, the rest is sentences. */
function textsAfter(command: Command): {
  readonly examples: readonly string[]
  readonly remarks: readonly string[]
} {
  let help = ''
  command.configureOutput({ writeOut: (written) => (help += written) }).outputHelp()
  const blocks = help
    .replace(command.helpInformation(), '')
    .replace(/^\s*Examples:\n/, '')
    .split(/\n{2,}/)
    .map((block) => block.replace(/^\n+|\s+$/g, ''))
    .filter(Boolean)
  const isExample = (block: string) => block.startsWith('  ')
  return {
    examples: blocks.filter(isExample).map((block) => block.replaceAll(/^ {2}/gm, '')),
    remarks: blocks.filter((block) => !isExample(block)),
  }
}
