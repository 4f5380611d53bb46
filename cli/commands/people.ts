/** Commands about what people are told. */
import type { Command } from 'commander'
import { asking } from './asking.ts'
import { examples } from './examples.ts'

/** Adds `notify test` and `counts import`. */
export function addPeopleCommands(program: Command): void {
  addNotify(program)
  addCounts(program)
}

function addNotify(program: Command): void {
  program
    .command('notify')
    .description('messages to people; needs no server')
    .command('test')
    .summary('send a test message to the administrators, or to an experiment')
    .description(
      'Send a message that is marked as a test to everybody who is configured as an administrator (notifications and ' +
        'notifications_test), by mail, Slack and webhook, and say what happened to each. With --experiment: to that ' +
        'experiment’s addresses and Slack instead. Run it as the user of the notifier.',
    )
    .option('-c, --config <FILE>', 'the configuration (default: managedTokens.yml in the usual places)')
    .option('-e, --experiment <NAME>', 'the addressees of this experiment')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      examples(`
  managed-tokens notify test
  managed-tokens notify test -e dune
  managed-tokens notify test --json | jq '.results[] | select(.end != "delivered")'

Exit codes: 0 every message was taken, 1 one was not, 2 wrong use or nobody is configured.`),
    )
    .action(async (options: { config?: string; experiment?: string; json?: boolean }) => {
      const { notifyTest } = await import('../notify-test.ts')
      process.exitCode = await notifyTest(options)
    })
}

function addCounts(program: Command): void {
  const counts = program.command('counts').description('how often in a row services and nodes have failed')
  asking(counts.command('import <FILE>'))
    .description(
      'Take the counts of consecutive errors over that the predecessor kept, from its SQLite database, so that nobody is ' +
        'told too late or once more. What has been counted here since stays.',
    )
    .addHelpText(
      'after',
      examples(`
  managed-tokens counts import /var/lib/managed-tokens/uid.db

Exit codes: 0 done, 1 something failed, 2 wrong use.`),
    )
    .action(async (file: string, options) => {
      const { runCountsImport } = await import('../counts-import.ts')
      process.exitCode = await runCountsImport(file, options)
    })
}
