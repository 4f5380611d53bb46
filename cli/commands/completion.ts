/** Commands for shells. */
import { Argument, type Command } from 'commander'
import { examples } from './examples.ts'

/** Adds `completion`, and `complete`, which is for its scripts. */
export function addCompletionCommands(program: Command): void {
  program
    .command('completion')
    .summary('print the script that completes words in bash or zsh')
    .description(
      'Print the script that completes commands, options, services, experiments and nodes in a shell. The names are read from the ' +
        'configuration; no server is needed.',
    )
    .addArgument(new Argument('<SHELL>', 'whose').choices(['bash', 'zsh']))
    .addHelpText(
      'after',
      examples(`
  source <(managed-tokens completion bash)      in this shell; in ~/.bashrc or ~/.zshrc (there after compinit): in each
  managed-tokens completion bash > /usr/share/bash-completion/completions/managed-tokens
  managed-tokens completion zsh > /usr/share/zsh/site-functions/_managed-tokens

Exit codes: 0 printed, 2 wrong use.`),
    )
    .action(async (shell: 'bash' | 'zsh') => {
      const { readFile } = await import('node:fs/promises')
      const script = new URL(`../completion/managed-tokens.${shell}`, import.meta.url)
      process.stdout.write(await readFile(script, 'utf8'))
    })

  program.command('complete <WORDS...>', { hidden: true }).action(async (words: string[]) => {
    const { answer } = await import('../completion/answer.ts')
    process.stdout.write(answer(program, words))
  })
}
