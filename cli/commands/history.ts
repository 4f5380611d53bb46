/** Commands about what has happened. */
import type { Command } from 'commander'
import { asking } from './asking.ts'
import { examples } from './examples.ts'

/** Adds `runs`, `history` and `where`. */
export function addHistoryCommands(program: Command): void {
  asking(program.command('runs'))
    .summary('list the runs of the last two weeks: who asked, what came of it')
    .description('List the runs of the last two weeks: who asked for each, when, and what came of it.')
    .addHelpText(
      'after',
      examples(`
  managed-tokens runs
  managed-tokens runs --json | jq '.runs[] | select(.revocation)'

Exit codes: 0 listed, 1 no answer, 2 wrong use.`),
    )
    .action(async (options) => {
      const { runs } = await import('../history.ts')
      process.exitCode = await runs(options)
    })
  asking(program.command('history <SERVICE>'))
    .summary('list the tokens of a service, where each went and when it ended')
    .description(
      'List the tokens of a service in the last two weeks: id, when it was made, where it went, when it ends.',
    )
    .option('--node <NODE>', 'only what went to this node')
    .addHelpText(
      'after',
      examples(`
  managed-tokens history dune_production
  managed-tokens history dune_production --node dunegpvm01.fnal.gov --json

Exit codes: 0 listed, 1 nothing is known of it, 2 wrong use.`),
    )
    .action(async (service: string, options) => {
      const { history } = await import('../history.ts')
      process.exitCode = await history(service, options)
    })
  asking(program.command('where <TOKEN_ID>'))
    .summary('say where a token was put')
    .description('Say whose a token is, and every place that it was put. Ids are in "history".')
    .addHelpText(
      'after',
      examples(`
  managed-tokens where 0d3a1d0e-6c1f-4a58-9b0c-6f6d7a3f1c55

Exit codes: 0 found, 1 not known, 2 wrong use.`),
    )
    .action(async (tokenId: string, options) => {
      const { where } = await import('../history.ts')
      process.exitCode = await where(tokenId, options)
    })
}
