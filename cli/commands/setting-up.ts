/** The command that installs what the daemons need on a machine. */
import type { Command } from 'commander'
import { examples } from './examples.ts'

/** Adds `setup`. */
export function addSetupCommand(program: Command): void {
  program
    .command('setup')
    .summary('make users, keys, bus, certificate and units of this machine, then start the daemons')
    .description(
      'Make what the daemons need on this machine, as root: users and groups, directories and their modes, keys, the bus with ' +
        'an authority and a certificate, the keys of the configuration, units; then start all of it. What is there already stays: ' +
        'no key is replaced, nothing in the configuration is overwritten. Run it as often as you like; where it was interrupted, ' +
        'it goes on.',
    )
    .option('--dry-run', 'only say what would be done', false)
    .option('--print', 'print that as a shell script, which holds no secret', false)
    .option(
      '--host <NAME>',
      'the name by which daemons reach the bus, for its certificate (default: localhost)',
    )
    .option(
      '--user <NAME>',
      'who works with the daemons; another than managed-tokens, such as the predecessor’s, also runs those that need keytabs',
    )
    .option(
      '--from-predecessor [DIR]',
      'say what will be otherwise than with the predecessor on this machine, or with its files below DIR; changes nothing',
    )
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      examples(`
  managed-tokens setup --dry-run               what is there, what would be made
  managed-tokens setup                         make it, and start
  managed-tokens setup --print > setup.sh      the same as a script, to read or to run elsewhere
  managed-tokens setup --host bus.example.org  daemons of other machines reach the bus here
  managed-tokens setup --from-predecessor      what a move from the predecessor means here
  managed-tokens setup --user rexbatch         beside the predecessor, as its user

It begins without a configuration: it writes one to fill in, and says so. Each line says what stands, was done, would be done,
is left for you ("yours") or stands in the way ("problem").

Exit codes: 0 done, or nothing to do, whatever is left for you; 1 something stands in the way, or the daemons would refuse the
predecessor's configuration; 2 wrong use.`),
    )
    .action(async (options) => {
      if (options.fromPredecessor) {
        const { reportPredecessor } = await import('../setup/predecessor/report.ts')
        process.exitCode = reportPredecessor(options.fromPredecessor, options.json ?? false)
      } else {
        const { setup } = await import('../setup/setup.ts')
        process.exitCode = await setup(options)
      }
    })
}
