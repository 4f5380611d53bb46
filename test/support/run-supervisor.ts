/** A supervisor in a process of its own, to be killed: `run-supervisor.ts STATE_ROOT CONFIG`. Says when all is ready. */
import { join } from 'node:path'
import { runUp } from '../../cli/up/up.ts'

const [, , stateRoot = '', configFile = ''] = process.argv
process.exitCode = await runUp({
  ...{ configFile, stateRoot, allowRoot: true, natsPort: 0 },
  mainOf: () => join(import.meta.dirname, 'stub-daemon.ts'),
  print: (line) => void process.stdout.write(`${line}\n`),
})
