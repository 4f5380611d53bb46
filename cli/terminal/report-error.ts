/** How the command line says that something did not work: a sentence with the next step, and the exit code. */
import { CommanderError } from 'commander'
import { busNotReady, isBusError } from '../../shared/bus/bus-errors.ts'
import { ConfigNotFound } from '../../shared/config/read/find.ts'
import { ConfigError } from '../../shared/config/read/problem.ts'
import { isFailed } from '../../shared/contracts/errors.ts'
import { RefusedError, UsageError } from './errors.ts'

/** Answers of the daemons that are about what was typed. */
const wrongUse = new Set(['unknown-service', 'unknown-experiment', 'unknown-run', 'bad-request'])

/**
 * Writes the error to standard error, and with `json` also `{"error":{"code","message"}}` to standard output. Never a stack
 * trace: that is for nobody at a terminal. Returns the exit code: 1 something failed, 2 wrong use.
 */
export function reportError(error: unknown, json: boolean): 0 | 1 | 2 {
  const isOfCommander = error instanceof CommanderError
  // The help that was asked for.
  if (isOfCommander && error.exitCode === 0) return 0
  const { code, message, exitCode } = describeError(error)
  // Commander has said what was wrong.
  if (!isOfCommander)
    process.stderr.write(`${error instanceof ConfigError ? message : `managed-tokens: ${message}`}\n`)
  if (json) process.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`)
  return exitCode
}

/** The error's code, the whole sentence, and the exit code. Pure. */
export function describeError(error: unknown): { code: string; message: string; exitCode: 1 | 2 } {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof CommanderError) return { code: 'wrong-use', message: wordsOf(error), exitCode: 2 }
  if (error instanceof UsageError) return { code: 'wrong-use', message, exitCode: 2 }
  if (error instanceof ConfigError || error instanceof ConfigNotFound)
    return { code: 'configuration', message, exitCode: 2 }
  if (error instanceof RefusedError)
    return { code: error.code, message, exitCode: wrongUse.has(error.code) ? 2 : 1 }
  if (isFailed(error)) {
    const { code, action } = error.failure
    return { code, message: `${message} ${action}`, exitCode: 1 }
  }
  if (isBusError(error)) return { code: 'bus-not-ready', message: busNotReady, exitCode: 1 }
  const code = error instanceof Error && error.name !== 'Error' ? kebab(error.name) : 'unexpected'
  return { code, message, exitCode: 1 }
}

/** Commander's own words; where it has shown its help instead, what is missing. */
const wordsOf = ({ code, message }: CommanderError) =>
  code === 'commander.help' ? 'Name a command: --help says which there are.' : message.replace(/^error: /, '')

const kebab = (name: string) => name.replace(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter}`).toLowerCase()
