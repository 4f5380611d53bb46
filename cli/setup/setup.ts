/** `managed-tokens setup`: what an installation needs beside the program, step by step; what is there already stays. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { commandEnvironment } from '../../shared/config/environment.ts'
import { cleanLine } from '../../shared/contracts/one-sentence.ts'
import { UsageError } from '../terminal/errors.ts'
import { viewOf } from '../terminal/terminal.ts'
import { listSteps } from './list-steps.ts'
import { type Machine, seeMachine, systemPath } from './machine.ts'
import { type Outcome, renderOutcome, summaryOf } from './outcome.ts'
import { printScript } from './print.ts'
import { scriptOf } from './script.ts'
import type { Step } from './step.ts'
import { decideWish, type WishOptions } from './wish.ts'

export interface SetupOptions extends WishOptions {
  readonly dryRun: boolean
  readonly print: boolean
  readonly json?: boolean
}

const root = join(import.meta.dirname, '..', '..')

/** Returns the exit code: 0 all is there, or would be; 1 something stands in the way. */
export async function setup(options: SetupOptions): Promise<number> {
  const isRoot = process.getuid?.() === 0
  const changes = !options.dryRun && !options.print
  if (changes && !isRoot)
    throw new UsageError(
      'setup makes users and files of the system: run it as root, as in "sudo managed-tokens setup". With --dry-run or --print it changes nothing.',
    )
  if (!isRoot)
    process.stderr.write('managed-tokens: not root: what only root may see is taken as not there.\n')
  const machine = seeMachine()
  const wish = decideWish(options, machine, root)
  const steps = listSteps(wish)
  if (options.print) {
    process.stdout.write(printScript(steps, machine, wish))
    return 0
  }
  const outcomes: Outcome[] = []
  const view = viewOf(process.stdout)
  for (const outcome of run(steps, machine, changes)) {
    outcomes.push(outcome)
    if (!options.json) process.stdout.write(`${renderOutcome(outcome, view)}\n`)
  }
  const summary = summaryOf(outcomes, wish)
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ dryRun: options.dryRun, ...summary, steps: outcomes })}\n`
      : `\n${summary.says}\n`,
  )
  return changes && summary.stopped ? 1 : 0
}

/** Each step is looked at when it is its turn: it may hang on what those before have made. */
function* run(steps: readonly Step[], machine: Machine, changes: boolean): Generator<Outcome> {
  for (const { about, look } of steps) {
    const verdict = look(machine)
    const { says } = verdict
    if (verdict.state !== 'todo') yield { about, ...verdict }
    else if (!changes) yield { about, says, state: 'would do' }
    else {
      const failed = perform(verdict.script)
      yield failed === undefined
        ? { about, says, state: 'done' }
        : {
            about,
            says: failed,
            state: 'problem',
            next: 'mend this and run setup again: it goes on from here',
          }
      if (failed !== undefined) return
    }
    if (verdict.state === 'problem' && changes) return
  }
}

/** Undefined where all went well, else what a command said. */
function perform(commands: readonly string[]): string | undefined {
  const { status, signal, stderr, error } = spawnSync('sh', ['-c', scriptOf(root, commands)], {
    encoding: 'utf8',
    env: { ...commandEnvironment(), PATH: systemPath() },
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  if (status === 0) return undefined
  const last = stderr?.trim().split('\n').at(-1)
  return cleanLine(last || error?.message || `ended by ${signal ?? `exit code ${status}`}`)
}
