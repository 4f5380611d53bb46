/** Stands in for a daemon under the supervisor: says ready, keeps a child of its own, obeys or does not. */
import { spawn } from 'node:child_process'
import { appendFileSync, existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

const state = process.argv[process.argv.indexOf('--state') + 1] ?? '.'
const daemon = basename(dirname(process.argv[1] ?? ''))

// A file of this name in the state directory makes it refuse its configuration.
if (existsSync(join(state, 'refuse'))) process.exit(2)

const child = spawn('sleep', ['300'], { stdio: 'ignore' })
appendFileSync(join(state, 'stub-pids'), `${process.pid}\n${child.pid}\n`)
appendFileSync(join(state, 'stub-args'), `${daemon} ${process.argv.slice(2).join(' ')}\n`)

process.on('SIGTERM', () => {
  if (existsSync(join(state, 'stubborn'))) return
  child.kill('SIGKILL')
  process.exit(0)
})
setInterval(() => {}, 60_000)
process.send?.('ready')
