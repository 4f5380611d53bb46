/** Commands for when a token has leaked; they need the seed of the bus user `responder`. */
import type { Command } from 'commander'
import { asking } from './asking.ts'
import { examples } from './examples.ts'

/** Adds `revoke` and `restore`. */
export function addRevokingCommands(program: Command): void {
  asking(program.command('revoke [SERVICES...]'))
    .summary('take the tokens of services away from everywhere')
    .description(
      'Take the tokens of services away: from every node and credd, and from Vault. Nothing new is made of them until they are ' +
        'restored. What cannot be reached now is tried until it is done. Needs the seed of the bus user responder.',
    )
    .requiredOption('--reason <TEXT>', 'why, for the ledger and for people')
    .option('-e, --experiment <NAME>', 'all services of this experiment')
    .option('-y, --yes', 'do not ask back')
    .option('--keep-login', 'leave the login at Vault or the issuer: nobody has to log in again')
    .option('-w, --watch', 'look on until nothing is left')
    .addHelpText(
      'after',
      examples(`
  managed-tokens revoke dune_production --reason "token in a public log"
  managed-tokens revoke -e dune --reason "account taken over" --yes --watch
  managed-tokens revoke dune_production --reason drill --keep-login

Exit codes: 0 nothing is left, 1 something is (or was not confirmed), 2 wrong use.
What happens then, and what to do: docs/incidents.md.`),
    )
    .action(async (services: string[], options) => {
      const { revoke } = await import('../revoke.ts')
      process.exitCode = await revoke(services, options)
    })
  asking(program.command('restore [SERVICES...]'))
    .summary('let revoked services run again')
    .description('Let revoked services run again. Needs the seed of the bus user responder.')
    .option('-e, --experiment <NAME>', 'all services of this experiment')
    .addHelpText(
      'after',
      examples(`
  managed-tokens restore dune_production

Exit codes: 0 restored, 1 refused, 2 wrong use.`),
    )
    .action(async (services: string[], options) => {
      const { restore } = await import('../revoke.ts')
      process.exitCode = await restore(services, options)
    })
}
