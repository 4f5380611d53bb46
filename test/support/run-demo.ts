/** `npm run demo` as a process of its own, as a person starts it, with its output in a pipe. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { compileCache } from './compile-cache.ts'

export interface DemoOutcome {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

const demo = fileURLToPath(new URL('../../sandbox/demo.ts', import.meta.url))

/** Runs it to its end. Fails, and ends it, when it takes longer than `withinMs`. */
export async function runDemo(
  dir: string,
  args: readonly string[] = [],
  withinMs = 160_000,
): Promise<DemoOutcome> {
  const child = spawn(process.execPath, [demo, '--dir', dir, ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...compileCache },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, withinMs)
  const [exitCode] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  if (late)
    throw new Error(`the demo had not ended after ${withinMs} ms; it said:\n${output.stdout}${output.stderr}`)
  return { exitCode, ...output }
}
