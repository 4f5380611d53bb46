/**
 * Starts processes for a daemon that has grown: the larger a process is, the longer it stands still while it starts
 * another. Says how each began and ended, and ends with the daemon.
 */
import type { FromHelper, ToHelper } from './helper-messages.ts'
import { type StartedProcess, startProcess } from './start-process.ts'

const running = new Map<number, StartedProcess>()

process.on('message', (message: ToHelper) => {
  if ('plan' in message) start(message)
  else running.get(message.letGo)?.letGo()
})
process.on('disconnect', () => process.exit())
// A signal to our group is meant for the daemon, which may still need us to stop in peace.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined)

async function start({ id, plan }: Extract<ToHelper, { plan: unknown }>): Promise<void> {
  const started = startProcess(plan)
  running.set(id, started)
  const pid = await started.pid
  if (pid !== undefined) say({ id, pid })
  const end = await started.ended
  running.delete(id)
  say({ id, end })
}

function say(message: FromHelper): void {
  if (process.connected) process.send?.(message)
}
