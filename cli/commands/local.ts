/** Commands that do something on this machine. */
import { type Command, InvalidArgumentError } from 'commander'
import { environment } from '../../shared/config/environment.ts'
import { findConfigFile } from '../../shared/config/read/find.ts'
import { stateRootOf } from '../../shared/daemon/state.ts'
import { asking } from './asking.ts'
import { examples } from './examples.ts'

/** Adds `up`, `onboard`, `doctor` and `keys`. */
export function addLocalCommands(program: Command): void {
  addUp(program)
  addOnboard(program)
  addDoctor(program)
  addKeys(program)
}

interface UpArguments {
  readonly config?: string
  readonly state?: string
  readonly natsPort?: number
  readonly allowRoot: boolean
  readonly loki: boolean
}

function addUp(program: Command): void {
  program
    .command('up')
    .summary('start the four daemons, and a private NATS server')
    .description(
      'Start the four daemons, and a private NATS server unless nats.servers is configured. Stays until Ctrl-C or SIGTERM.',
    )
    .option('-c, --config <FILE>', 'the configuration (default: managedTokens.yml in the usual places)')
    .option('--state <DIR>', 'private state (default: $MANAGED_TOKENS_STATE or /var/lib/managed-tokens)')
    .option('--nats-port <PORT>', 'port of the private NATS server (default: 4222 when free)', readPort)
    .option('--allow-root', 'run as root, which is otherwise refused', false)
    .option('--no-loki', 'send no log lines to Loki, whatever the configuration says')
    .addHelpText(
      'after',
      examples(`
  managed-tokens up
  managed-tokens up -c my.yml --state ~/managed-tokens

Exit codes: 0 stopped, 1 something failed, 2 wrong use or a wrong configuration.`),
    )
    .action(async (options: UpArguments) => {
      const { runUp } = await import('../up/up.ts')
      process.exitCode = await runUp({
        configFile: findConfigFile(options.config),
        stateRoot: stateRootOf(options.state, environment),
        natsPort: options.natsPort,
        allowRoot: options.allowRoot,
        loki: options.loki,
      })
    })
}

function addOnboard(program: Command): void {
  asking(program.command('onboard <SERVICE>'))
    .summary('log in once for a service, so that its tokens are made unattended from then on')
    .description(
      'Log in once for a service, so that its tokens are made unattended from then on. On the machine with the keytabs: ' +
        'shows a URL to open in any browser, waits for the login, then starts a run of the service without notifications.',
    )
    .option('--push', 'let that run also push to nodes (otherwise the next one does)', false)
    .option('--no-run', 'only log in; no daemon needs to be running')
    .option('--again', 'log in even where Vault still has a login', false)
    .option('--allow-root', 'work as root, which is otherwise refused', false)
    .addHelpText(
      'after',
      examples(`
  managed-tokens onboard dune_production
  managed-tokens onboard dune_production --push
  managed-tokens onboard dune_production --again    the login of somebody who has left

Exit codes: 0 logged in and the run succeeded, 1 something failed, 2 wrong use.`),
    )
    .action(async (service: string, options) => {
      const { onboard } = await import('../onboard.ts')
      process.exitCode = await onboard(service, options)
    })
}

function addDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('look for what a first-time operator gets wrong, and say how to fix it')
    .description(
      'Look for what a first-time operator gets wrong: programs, keytabs, Kerberos, HTCondor, Vault, NATS, mail, Slack, ' +
        'nodes, the clock. One line each, with the fix. Changes nothing. Run it as the user of the daemons.',
    )
    .option('-c, --config <FILE>', 'the configuration (default: managedTokens.yml in the usual places)')
    .option('--state <DIR>', 'private state (default: $MANAGED_TOKENS_STATE or /var/lib/managed-tokens)')
    .option('--nats <URL>', 'the NATS server (default: as the configuration says)')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      examples(`
  managed-tokens doctor
  managed-tokens doctor -c my.yml --json | jq '.results[] | select(.state == "problem")'

Exit codes: 0 no problem, warnings or not; 1 a problem; 2 wrong use.`),
    )
    .action(async (options) => {
      const { doctor } = await import('../doctor/doctor.ts')
      process.exitCode = await doctor(options)
    })
}

function addKeys(program: Command): void {
  program
    .command('keys')
    .summary('make the keys of a bus of your own, and print the public ones')
    .description(
      'Make the seeds of every NATS user, of sealing and of signing where they are missing, and print the public keys of the users as ' +
        'lines for the environment of nats-server. "managed-tokens up" with its private server does this by itself.',
    )
    .option('--state <DIR>', 'where they are (default: $MANAGED_TOKENS_STATE or /var/lib/managed-tokens)')
    .option('--lab <NAME>', 'which of several laboratories on one server, as in its permissions-NAME.conf')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      examples(`
  managed-tokens keys --state /etc/managed-tokens/credentials > /etc/nats/keys.env

Exit codes: 0 all are there, 1 something failed, 2 wrong use.`),
    )
    .action(async (options: { state?: string; json?: boolean; lab?: string }) => {
      const { printKeys } = await import('../keys.ts')
      await printKeys(stateRootOf(options.state, environment), options.json ?? false, options.lab)
    })
}

function readPort(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new InvalidArgumentError('A port is a number from 0 (any free one) to 65535.')
}
