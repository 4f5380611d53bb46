/** Commands that look at a configuration file and need no server. */
import type { Command } from 'commander'
import { findConfigFile } from '../../shared/config/read/find.ts'
import { examples } from './examples.ts'

const configText = 'the configuration (default: managedTokens.yml in the usual places)'

/** Adds `config check`, `config schema`, `config explain`, and `explain` as a short form of that. */
export function addReadingCommands(program: Command): void {
  const config = program.command('config').description('look at a configuration file; needs no server')
  addCheck(config)
  addSchema(config)
  for (const parent of [program, config]) addExplain(parent)
}

function addCheck(config: Command): void {
  config
    .command('check [FILE]')
    .summary('say everything that is wrong with a configuration, with its place')
    .description('Say everything that is wrong with a configuration, each with file:line:column, in one go.')
    .option('-c, --config <FILE>', configText)
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      examples(`
  managed-tokens config check                   the one in the usual places
  managed-tokens config check my.yml
  managed-tokens config check my.yml --json | jq -r '.problems[].message'

Exit codes: 0 fine, warnings or not; 2 the daemons would refuse it.`),
    )
    .action(async (file: string | undefined, options: { config?: string; json?: boolean }) => {
      const { checkConfig } = await import('../config-check.ts')
      const result = checkConfig(findConfigFile(file ?? options.config))
      process.stdout.write(`${options.json ? JSON.stringify(result.json) : result.text}\n`)
      process.exitCode = result.exitCode
    })
}

function addSchema(config: Command): void {
  config
    .command('schema')
    .description('Print the JSON Schema of the configuration, for editors.')
    .addHelpText(
      'after',
      examples(`
  managed-tokens config schema > managedTokens.schema.json
  # then, as the first line of managedTokens.yml:
  # yaml-language-server: $schema=managedTokens.schema.json`),
    )
    .action(async () => {
      const { siteJsonSchema } = await import('../../shared/config/schema/json-schema.ts')
      process.stdout.write(`${JSON.stringify(siteJsonSchema(), null, 2)}\n`)
    })
}

function addExplain(parent: Command): void {
  parent
    .command('explain <SERVICE>')
    .description('Show every value of a service and where it comes from.')
    .option('-c, --config <FILE>', configText)
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      examples(`
  managed-tokens explain dune_production
  managed-tokens explain dune_production -c my.yml --json | jq .values.principal

Exit codes: 0 explained, 2 no such service or a wrong configuration.`),
    )
    .action(async (service: string, options: { config?: string; json?: boolean }) => {
      const { explainService } = await import('../explain.ts')
      const { loadSite } = await import('../../shared/config/load.ts')
      const { site, origins } = loadSite(findConfigFile(options.config))
      const result = explainService(site, origins, service)
      if (options.json) process.stdout.write(`${JSON.stringify(result.json)}\n`)
      else if (result.exitCode === 0) process.stdout.write(`${result.text}\n`)
      else process.stderr.write(`managed-tokens: ${result.text}\n`)
      process.exitCode = result.exitCode
    })
}
