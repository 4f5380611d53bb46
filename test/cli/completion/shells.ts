/** Real shells that complete a command line of `managed-tokens`, in a directory with a configuration of its own. */
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileCache } from '../../support/compile-cache.ts'
import { main } from '../../support/terminal.ts'

export const scriptFor = (shell: 'bash' | 'zsh') =>
  join(import.meta.dirname, `../../../cli/completion/managed-tokens.${shell}`)

/** Of a service that is well, and names that would do something if a shell ever evaluated them: each makes the file `evaluated`. */
const configuration = `experiments:
  dune: { roles: { production: { destinationNodes: [node1.example] }, analysis: {} } }
  a=b: { roles: { production: {} } }
  "$(touch evaluated)": { roles: { production: {}, "\`touch evaluated\`": {} } }
  "dune$(touch evaluated)": { roles: { "x;touch evaluated": { destinationNodes: ["node$(touch evaluated)"] } } }
`

export interface Place extends Disposable {
  readonly directory: string
  /** What shells start from: the command line's program is first on PATH. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly wasEvaluated: () => boolean
}

export function makePlace(): Place {
  const directory = mkdtempSync(join(tmpdir(), 'mt-completion-'))
  const program = join(directory, 'managed-tokens')
  writeFileSync(join(directory, 'my.yml'), configuration)
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`)
  chmodSync(program, 0o755)
  return {
    directory,
    env: {
      ...compileCache,
      PATH: `${directory}:${process.env.PATH}`,
      HOME: directory,
      TERM: 'dumb',
      LC_ALL: 'C.UTF-8',
    },
    wasEvaluated: () => existsSync(join(directory, 'evaluated')),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  }
}

/** What bash is told for these words, its function called as bash calls it: the last word is the one at the cursor. */
export function askBash({ directory, env }: Place, words: readonly string[]): string[] {
  const script = `source "$0" && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) && _managed_tokens managed-tokens && printf '%s\\n' "\${COMPREPLY[@]}"`
  const bash = ['--norc', '--noprofile', '-c', script, scriptFor('bash'), 'managed-tokens', ...words]
  const said = execFileSync('bash', bash, {
    cwd: directory,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return said.split('\n').filter(Boolean)
}

/** What a line becomes that is typed on a terminal, its tabs included: the words that the shell would run, one a line. */
export async function typeInShell(
  { directory, env }: Place,
  shell: { readonly start: string; readonly prepare: string },
  line: string,
): Promise<string[]> {
  const words = join(directory, 'words')
  rmSync(words, { force: true })
  // The command that is completed is a function here, which writes down what it is run with.
  const program = `managed-tokens() { if [ "$1" = complete ]; then command managed-tokens "$@"; else printf '%s\\n' "$@" >'${words}'; fi; }`
  writeFileSync(join(directory, 'prepare'), `${shell.prepare}\n${program}\n`)
  const child = spawn('script', ['-qefc', shell.start, '/dev/null'], {
    ...{ cwd: directory, env: { ...env, SHELL: '/bin/sh' }, stdio: ['pipe', 'pipe', 'inherit'] },
    timeout: 240_000,
  })
  child.stdin?.on('error', () => {})
  const typed = ['. ./prepare\n', `${line}\n`, 'exit\n']
  let shown = ''
  // One line for each prompt: a tab that comes before its shell reads is no tab.
  for await (const chunk of child.stdout?.setEncoding('utf8') ?? []) {
    shown += chunk
    for (; shown.includes('READY>') && typed.length > 0; shown = shown.slice(shown.indexOf('READY>') + 6))
      child.stdin?.write(typed.shift() ?? '')
  }
  return existsSync(words) ? readFileSync(words, 'utf8').split('\n').slice(0, -1) : []
}
