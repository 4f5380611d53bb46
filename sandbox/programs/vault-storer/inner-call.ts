/** The programs that condor_vault_storer runs: each a child of its own, in its process group and between the pipes of a shell, as under the real one. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { callerVariable, type Program } from '../program.ts'

export interface InnerCall {
  readonly input?: string
  /** Where its standard output goes: to the storer, on to the storer's own, or nowhere. */
  readonly output: 'read' | 'show' | 'drop'
  /** Standard error: on to the storer's own (the default), together with standard output, or nowhere. */
  readonly errors?: 'show' | 'with-output' | 'drop'
}

/** Runs `dir/bin/<name>` and waits for it. */
export async function callInner(
  program: Program,
  name: string,
  words: readonly string[],
  how: InnerCall,
): Promise<{ exit: number; output: string }> {
  const env = {
    ...program.env,
    PATH: `${join(program.dir, 'bin')}:/usr/sbin:${program.env.PATH ?? '/usr/bin:/bin'}`,
    [callerVariable]: program.name,
  }
  const shows = how.output === 'show'
  const child = spawn('/bin/bash', ['-c', scriptOf(how), program.name, name, ...words], {
    env,
    stdio: [how.input === undefined ? 'inherit' : 'pipe', shows ? 'inherit' : 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk
  })
  child.stdin?.on('error', () => {})
  child.stdin?.end(how.input)
  const exit = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? 1))
  })
  return { exit, output }
}

/**
 * The real one's redirections: what it reads and gives comes through a shell's pipes, which can be opened by name, and what
 * it shows goes to a `/dev/stdout` that it opens by name itself: for that its own standard output must be one that allows it.
 */
function scriptOf({ input, output, errors }: InnerCall): string {
  const target = { read: '', show: ' >/dev/stdout', drop: ' >/dev/null' }[output]
  const complaints = { show: '', 'with-output': ' 2>&1', drop: ' 2>/dev/null' }[errors ?? 'show']
  const command = `${input === undefined ? '' : 'cat | '}"$@"${target}${complaints}`
  return `set -o pipefail; ${command}${output === 'read' ? ' | cat' : ''}`
}
