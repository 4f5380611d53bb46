/** All that can be typed, and which small module does it. */
import { Command, type OutputConfiguration } from 'commander'
import { version } from '../shared/release/version.ts'
import { refuseEmpty } from './arguments/refuse-empty.ts'
import { addAskingCommands } from './commands/asking.ts'
import { addBusCommands } from './commands/bus.ts'
import { addCompletionCommands } from './commands/completion.ts'
import { examples } from './commands/examples.ts'
import { addHistoryCommands } from './commands/history.ts'
import { addLocalCommands } from './commands/local.ts'
import { addPeopleCommands } from './commands/people.ts'
import { addReadingCommands } from './commands/reading.ts'
import { addRevokingCommands } from './commands/revoking.ts'
import { addSetupCommand } from './commands/setting-up.ts'
import { addUidsCommands } from './commands/uids.ts'

/** Parsing throws where something cannot be meant. Help and what was wrong go to `output`: the terminal, unless said otherwise. */
export function makeProgram(output: OutputConfiguration = {}): Command {
  const program = new Command('managed-tokens')
    .configureOutput(output)
    .description('Keeps the grid credentials of experiments fresh, on every node and in every credd.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(add --help for what can be typed)')
    .addHelpText(
      'after',
      examples(`
  managed-tokens doctor                      is everything here that is needed?
  managed-tokens up                          start everything on this machine
  managed-tokens run --watch                 refresh every service now and look on
  managed-tokens run -s dune_production      only one service
  managed-tokens status                      the latest run, target by target
  managed-tokens onboard dune_production     log in once for a service
  managed-tokens config check my.yml         is this configuration right?

Exit codes: 0 fine, 1 something failed, 2 wrong use. "managed-tokens COMMAND --help" says more.`),
    )

  program.hook('preAction', (_program, command) => refuseEmpty(command))
  addSetupCommand(program)
  addLocalCommands(program)
  addAskingCommands(program)
  addUidsCommands(program)
  addPeopleCommands(program)
  addReadingCommands(program)
  addBusCommands(program)
  addRevokingCommands(program)
  addHistoryCommands(program)
  addCompletionCommands(program)
  return program
}
