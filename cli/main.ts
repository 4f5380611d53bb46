/** The command line. Exit codes: 0 fine, 1 something failed, 2 wrong use. */
import { refusePredecessorsFlags } from './arguments/predecessor-flags.ts'
import { makeProgram } from './program.ts'
import { guardOutput } from './terminal/guard-output.ts'
import { reportError } from './terminal/report-error.ts'

guardOutput(process.stdout)
guardOutput(process.stderr)

// Whoever reads us may have read enough, as `head` has.
process.stdout.on('error', () => process.exit())

try {
  refusePredecessorsFlags(process.argv.slice(2))
  await makeProgram().parseAsync()
} catch (error) {
  process.exitCode = reportError(error, process.argv.includes('--json'))
  // What still waits for a server that never answers must not keep us: where nothing waits, this does not either.
  setTimeout(() => process.exit(), 100).unref()
}
