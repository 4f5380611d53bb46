/** How a command may have ended, as the modules that run one are told. */
import type { CommandOutcome } from '../../shared/commands/command.ts'

export const exited = (exitCode: number, stderr = '', stdout = ''): CommandOutcome => ({
  kind: 'exited',
  exitCode,
  stdout,
  stderr,
})
export const timedOut: CommandOutcome = { kind: 'timeout', stdout: '', stderr: '' }
export const notFound: CommandOutcome = { kind: 'missing', reason: 'not found', stdout: '', stderr: '' }
