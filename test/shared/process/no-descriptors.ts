/** Starts a process when no file descriptor is left, and says how that ended. */
import { closeSync, openSync } from 'node:fs'
import { startProcess } from '../../../shared/process/start-process.ts'

const taken: number[] = []
try {
  for (;;) taken.push(openSync('/dev/null', 'r'))
} catch {
  // All are taken now.
}
const { ended } = startProcess({ file: '/bin/true', args: [], env: {} })
for (const descriptor of taken) closeSync(descriptor)
process.stdout.write(JSON.stringify(await ended))
