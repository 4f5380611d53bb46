/** The programs that condor_vault_storer runs: each a child of its own, in its process group, as under the real one. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { callerVariable, type Program, print } from '../program.ts'

export interface InnerCall {
  readonly input?: string
  /** Where its standard output goes: to the storer, on to the storer's own, or nowhere. */
  readonly output: 'read' | 'show' | 'drop'
  /** Standard error: on to the storer's own (the default), or together with standard output. */
  readonly errors?: 'show' | 'with-output'
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
    PATH: `/usr/sbin:${program.env.PATH ?? '/usr/bin:/bin'}`,
    [callerVariable]: program.name,
  }
  const child = spawn(join(program.dir, 'bin', name), words, {
    env,
    stdio: [how.input === undefined ? 'inherit' : 'pipe', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    if (how.errors === 'with-output') output += chunk
    else print(2, chunk)
  })
  child.stdin?.on('error', () => {})
  child.stdin?.end(how.input)
  const exit = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? 1))
  })
  if (how.output === 'show') print(1, output)
  return { exit, output: how.output === 'read' ? output : '' }
}
