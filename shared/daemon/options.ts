/** What the command line tells a daemon, and how it refuses what it cannot use. */
import { parseArgs } from 'node:util'
import { controlsShownBut } from '../contracts/one-sentence.ts'
import type { Daemon } from '../contracts/subjects.ts'

const help = (daemon: Daemon) => `managed-tokens ${daemon}

  --config FILE   the configuration (default: managedTokens.yml in /etc/managed-tokens, ~/.managed-tokens, .)
  --state DIR     private state of all daemons (default: $MANAGED_TOKENS_STATE or /var/lib/managed-tokens)
  --nats URL      the NATS server (default: nats.servers of the configuration)
  --allow-root    run as root, which is otherwise refused
  --no-loki       send no log lines to Loki, whatever the configuration says

Exit codes: 0 stopped, 1 something failed, 2 wrong use or a wrong configuration.
`

/** The options, or the end of this process where help was asked for or they cannot be used. */
export function readOptions(daemon: Daemon) {
  try {
    const { values } = parseArgs({
      options: {
        config: { type: 'string', short: 'c' },
        state: { type: 'string' },
        nats: { type: 'string' },
        'allow-root': { type: 'boolean', default: false },
        'no-loki': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) {
      process.stdout.write(help(daemon))
      process.exit(0)
    }
    if (process.getuid?.() === 0 && !values['allow-root'])
      refuse(`the ${daemon} does not run as root: start it as the service's own user, or add --allow-root.`)
    return values
  } catch (error) {
    return refuse(`${(error as Error).message}\n\n${help(daemon)}`)
  }
}

/** Says why, and ends this process: somebody has to change the command line or the configuration. */
export function refuse(message: string): never {
  process.stderr.write(`${controlsShownBut(/\n/)(message)}\n`)
  process.exit(2)
}
