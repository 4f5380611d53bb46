/** Runs a command when no file descriptor is left, and another one when there are some again; says how both ended. */
import { closeSync, openSync } from 'node:fs'
import { runCommand } from '../../../shared/commands/command.ts'

const say = () => runCommand({ file: '/bin/echo', args: ['on'], env: {}, timeoutMs: 20_000 })
const taken: number[] = []
try {
  for (;;) taken.push(openSync('/dev/null', 'r'))
} catch {
  // All are taken now.
}
const without = await say()
for (const descriptor of taken) closeSync(descriptor)
process.stdout.write(JSON.stringify([without, await say()]))
