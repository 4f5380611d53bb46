/** Commands about the UIDs of accounts. */
import type { Command } from 'commander'
import { asking } from './asking.ts'
import { examples } from './examples.ts'

/** Adds `uids refresh` and `uids import`. */
export function addUidsCommands(program: Command): void {
  const uids = program.command('uids').description('UIDs of accounts on nodes, where FERRY tells them')

  asking(uids.command('refresh'))
    .description(
      'Ask FERRY for every UID now, and wait for its answers. The refresher does so by itself every day.',
    )
    .addHelpText(
      'after',
      examples(`
  managed-tokens uids refresh
  managed-tokens uids refresh --json | jq .failed

Exit codes: 0 all are known, 1 FERRY did not tell some, 2 wrong use.`),
    )
    .action(async (options) => {
      const { refreshUids } = await import('../uids-refresh.ts')
      process.exitCode = await refreshUids(options)
    })

  asking(uids.command('import <FILE>'))
    .description(
      'Take the UIDs over that the predecessor knew, from its SQLite database. On the machine with the keytabs; ' +
        'what FERRY has told since stays.',
    )
    .addHelpText(
      'after',
      examples(`
  managed-tokens uids import /var/lib/managed-tokens/uid.db

Exit codes: 0 done, 1 something failed, 2 wrong use.`),
    )
    .action(async (file: string, options) => {
      const { runUidsImport } = await import('../uids-import.ts')
      process.exitCode = await runUidsImport(file, options)
    })
}
