/** The command line: what can be typed, and which small module does it. Exit codes: 0 fine, 1 something failed, 2 wrong use. */
import { Command } from 'commander'
import { version } from '../shared/contracts/version.ts'
import { refusePredecessorsFlags } from './arguments/predecessor-flags.ts'
import { refuseEmpty } from './arguments/refuse-empty.ts'
import { addAskingCommands } from './commands/asking.ts'
import { addBusCommands } from './commands/bus.ts'
import { examples } from './commands/examples.ts'
import { addLocalCommands } from './commands/local.ts'
import { addPeopleCommands } from './commands/people.ts'
import { addReadingCommands } from './commands/reading.ts'
import { addUidsCommands } from './commands/uids.ts'
import { guardOutput } from './terminal/guard-output.ts'
import { reportError } from './terminal/report-error.ts'

guardOutput(process.stdout)
guardOutput(process.stderr)

const program = new Command('managed-tokens')
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

// Whoever reads us may have read enough, as `head` has.
process.stdout.on('error', () => process.exit())

addLocalCommands(program)
addAskingCommands(program)
addUidsCommands(program)
addPeopleCommands(program)
addReadingCommands(program)
addBusCommands(program)

try {
  refusePredecessorsFlags(process.argv.slice(2))
  await program.parseAsync()
} catch (error) {
  process.exitCode = reportError(error, process.argv.includes('--json'))
  // What still waits for a server that never answers must not keep us: where nothing waits, this does not either.
  setTimeout(() => process.exit(), 100).unref()
}
