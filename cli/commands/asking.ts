/** Commands that ask the daemons over NATS. */
import { type Command, Option } from 'commander'
import { examples } from './examples.ts'

/** Adds `run`, `status` and `services`. */
export function addAskingCommands(program: Command): void {
  addRun(program)
  addStatus(program)
  addServices(program)
}

/** Options of every command that asks the daemons. */
export function asking(command: Command): Command {
  return command
    .option('-c, --config <FILE>', 'the configuration, for where NATS is')
    .option('--state <DIR>', 'the state directory of "managed-tokens up" (default: $MANAGED_TOKENS_STATE)')
    .option('--nats <URL>', 'the NATS server (default: $NATS_URL)')
    .option('--json', 'print one JSON object')
}

function addRun(program: Command): void {
  asking(program.command('run'))
    .summary('refresh tokens now')
    .description('Refresh tokens now: of every service, or of some. Without --watch it returns at once.')
    .option('-e, --experiment <NAME>', 'only this experiment')
    .option('-s, --service <NAME>', 'only this service; may be given several times', collect)
    .option('-w, --watch', 'follow the run to its end and print the result')
    .option(
      '-t, --test',
      'get and store tokens, but leave nodes alone; notifications go to notifications_test',
    )
    .option('--no-push', 'same as --test')
    .option('--disable-notifications', 'tell nobody of failures')
    .option('--dont-notify', 'same as --disable-notifications')
    .addOption(
      new Option('--list-services', 'print the names of the configured services, and do nothing').conflicts([
        'watch',
        'test',
      ]),
    )
    .addHelpText(
      'after',
      examples(`
  managed-tokens run                            everything; follow it later with "status --watch"
  managed-tokens run --watch                    everything, and look on
  managed-tokens run -w -s dune_production      one service
  managed-tokens run -w -e dune --test          one experiment, without touching a node
  managed-tokens run --watch --json | jq .totals

Exit codes: 0 asked for (with --watch: everything done), 1 something failed, 2 wrong use.
Ctrl-C during --watch ends the looking on, not the run.`),
    )
    .action(async ({ test, disableNotifications, dontNotify, push, listServices, ...options }) => {
      if (listServices) {
        const { listServiceNames } = await import('../list-service-names.ts')
        process.stdout.write(listServiceNames(options))
        return
      }
      const { run } = await import('../run.ts')
      process.exitCode = await run({
        ...options,
        push: push && !test,
        notify: !disableNotifications && !dontNotify,
      })
    })
}

function addStatus(program: Command): void {
  asking(program.command('status'))
    .summary('show how a run stands, target by target')
    .description('Show how a run stands, target by target, and what to do about each failure.')
    .option('--run <ID>', 'which run (default: the latest)')
    .option('-w, --watch', 'follow the run to its end')
    .addHelpText(
      'after',
      examples(`
  managed-tokens status                         the latest run
  managed-tokens status --watch                 the same, to its end
  managed-tokens status --run 01M807BSWR0HWDV48S3AWYY3GA
  managed-tokens status --json | jq '.entries[] | select(.refresh.state == "failed")'

Exit codes: 0 nothing has failed, 1 something has, 2 wrong use.`),
    )
    .action(async (options) => {
      const { status } = await import('../status.ts')
      process.exitCode = await status(options)
    })
}

function addServices(program: Command): void {
  asking(program.command('services').alias('list-services'))
    .summary('list every service: how long its token lives, what is failing')
    .description('List every service: account, nodes, credds, how long its token lives, what is failing.')
    .addHelpText(
      'after',
      examples(`
  managed-tokens services
  managed-tokens services --json | jq -r '.services[] | select(.failing != []) | .entry'
  managed-tokens run --list-services            only the names, from the configuration, without a server

Exit codes: 0 nothing is failing, 1 something is, 2 wrong use.`),
    )
    .action(async (options) => {
      const { services } = await import('../services.ts')
      process.exitCode = await services(options)
    })
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}
