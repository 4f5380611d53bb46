/** Commands about the bus itself. */
import type { Command } from 'commander'
import { asking } from './asking.ts'
import { examples } from './examples.ts'

/** Adds `bus upgrade`. */
export function addBusCommands(program: Command): void {
  const bus = program.command('bus').description('the streams and buckets on NATS')

  asking(bus.command('upgrade'))
    .summary('bring streams and buckets of an earlier version up to date')
    .description(
      'Bring the streams and buckets that are there up to what this version wants. No daemon may change one, so this has a ' +
        'bus user of its own, admin. What is missing its daemon makes.',
    )
    .option('--dry-run', 'only say what would be changed')
    .addHelpText(
      'after',
      examples(`
  managed-tokens bus upgrade --dry-run
  managed-tokens bus upgrade --state /etc/managed-tokens/credentials
  managed-tokens bus upgrade --json | jq '.streams[] | select(.state != "as-wanted")'

Exit codes: 0 all is as wanted, or only looked at; 1 the server refused a change; 2 wrong use.`),
    )
    .action(async (options) => {
      const { busUpgrade } = await import('../bus-upgrade.ts')
      process.exitCode = await busUpgrade(options)
    })
}
