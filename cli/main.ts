/** The command line: what can be typed, and which small module does it. Exit codes: 0 fine, 1 something failed, 2 wrong use. */
import { Command, CommanderError } from 'commander'
import { environment } from '../shared/config/environment.ts'
import { ConfigNotFound, findConfigFile } from '../shared/config/find.ts'
import { ConfigError } from '../shared/config/problem.ts'
import { stateRootOf } from '../shared/state.ts'
import { RefusedError } from './connection.ts'
import { UsageError } from './usage-error.ts'

const program = new Command('managed-tokens')
  .description('Keeps the grid credentials of experiments fresh, on every node and in every credd.')
  .version('0.1.0')
  .exitOverride()
  .showHelpAfterError('(add --help for what can be typed)')
  .addHelpText(
    'after',
    `
Examples:
  managed-tokens up                          start everything on this machine
  managed-tokens run --watch                 refresh every service now and look on
  managed-tokens run -s dune_production      only one service
  managed-tokens status                      the latest run, target by target
  managed-tokens config check my.yml         is this configuration right?

Exit codes: 0 fine, 1 something failed, 2 wrong use.`,
  )

/** Options of every command that asks the daemons. */
function asking(command: Command): Command {
  return command
    .option('-c, --config <FILE>', 'the configuration, for where NATS is')
    .option('--state <DIR>', 'the state directory of "managed-tokens up" (default: $MANAGED_TOKENS_STATE)')
    .option('--nats <URL>', 'the NATS server (default: $NATS_URL)')
    .option('--json', 'print one JSON object')
}

program
  .command('up')
  .description('start the four daemons, and a private NATS server unless nats.servers is configured')
  .option('-c, --config <FILE>', 'the configuration (default: managedTokens.yml in the usual places)')
  .option('--state <DIR>', 'private state (default: $MANAGED_TOKENS_STATE or /var/lib/managed-tokens)')
  .option('--nats-port <PORT>', 'port of the private NATS server (default: 4222 when free)', Number)
  .option('--allow-root', 'run as root, which is otherwise refused', false)
  .action(async (options: { config?: string; state?: string; natsPort?: number; allowRoot: boolean }) => {
    const { runUp } = await import('./up/up.ts')
    process.exitCode = await runUp({
      configFile: findConfigFile(options.config),
      stateRoot: stateRootOf(options.state, environment),
      natsPort: options.natsPort,
      allowRoot: options.allowRoot,
    })
  })

asking(program.command('run'))
  .description('refresh tokens now')
  .option('-e, --experiment <NAME>', 'only this experiment')
  .option('-s, --service <NAME>', 'only this service; may be given several times', collect)
  .option('-w, --watch', 'follow the run to its end')
  .option('-t, --test', 'the predecessor’s test mode, same as --no-push')
  .option('--no-push', 'get and store tokens, but leave nodes alone')
  .option('--disable-notifications', 'tell nobody of failures')
  .option('--dont-notify', 'same as --disable-notifications')
  .action(async ({ test, disableNotifications, dontNotify, push, ...options }) => {
    const { run } = await import('./run.ts')
    process.exitCode = await run({
      ...options,
      push: push && !test,
      notify: !disableNotifications && !dontNotify,
    })
  })

asking(program.command('status'))
  .description('show how a run stands, target by target')
  .option('--run <ID>', 'which run (default: the latest)')
  .option('-w, --watch', 'follow the run to its end')
  .action(async (options) => {
    const { status } = await import('./status.ts')
    process.exitCode = await status(options)
  })

asking(program.command('services').alias('list-services'))
  .description('list every service: account, nodes, credds, how long its token lives, what is failing')
  .action(async (options) => {
    const { services } = await import('./services.ts')
    process.exitCode = await services(options)
  })

const config = program.command('config').description('look at a configuration file; needs no server')

config
  .command('check [FILE]')
  .description('say everything that is wrong with a configuration, with its place')
  .option('--json', 'print one JSON object')
  .action(async (file: string | undefined, { json }: { json?: boolean }) => {
    const { checkConfig } = await import('./config-check.ts')
    const result = checkConfig(findConfigFile(file))
    process.stdout.write(`${json ? JSON.stringify(result.json) : result.text}\n`)
    process.exitCode = result.exitCode
  })

config
  .command('schema')
  .description('print the JSON Schema of the configuration, for editors')
  .action(async () => {
    const { siteJsonSchema } = await import('../shared/config/json-schema.ts')
    process.stdout.write(`${JSON.stringify(siteJsonSchema(), null, 2)}\n`)
  })

for (const parent of [program, config])
  parent
    .command('explain <SERVICE>')
    .description('show every value of a service and where it comes from')
    .option('-c, --config <FILE>', 'the configuration (default: managedTokens.yml in the usual places)')
    .option('--json', 'print one JSON object')
    .action(async (service: string, options: { config?: string; json?: boolean }) => {
      const { explainService } = await import('./explain.ts')
      const { loadSite } = await import('../shared/config/load.ts')
      const { site, origins } = loadSite(findConfigFile(options.config))
      const result = explainService(site, origins, service)
      process.stdout.write(`${options.json ? JSON.stringify(result.json) : result.text}\n`)
      process.exitCode = result.exitCode
    })

function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = exitCodeOf(error)
}

/** Says what is wrong in a sentence; a stack trace is for nobody at a terminal. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`${error instanceof ConfigError ? message : `managed-tokens: ${message}`}\n`)
  return error instanceof UsageError ||
    error instanceof ConfigError ||
    error instanceof ConfigNotFound ||
    (error instanceof RefusedError &&
      ['unknown-service', 'unknown-experiment', 'unknown-run', 'bad-request'].includes(error.code))
    ? 2
    : 1
}
