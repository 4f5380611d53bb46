/** Daemons of a site by themselves, such as two replicas of each, or one at another server; and waiting for what they bring. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SandboxSite } from '../../../sandbox/site.ts'
import type { Daemon } from '../../../shared/contracts/subjects.ts'
import { compileCache } from '../../support/compile-cache.ts'

/** `more`: options of the daemon. It is ended when it is disposed, which waits for that. */
export function startDaemon(
  site: SandboxSite,
  daemon: Daemon,
  state: string,
  replica: number,
  more: readonly string[] = [],
) {
  const log = openSync(join(site.layout.logs, `${daemon}-${replica}.log`), 'a')
  const child = spawn(
    process.execPath,
    [
      join(import.meta.dirname, '../../../services', daemon, 'main.ts'),
      ...['--config', site.config, '--state', state, '--allow-root', ...more],
    ],
    {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...compileCache, ...site.env },
      stdio: ['ignore', log, log, 'ipc'],
    },
  )
  const exited = once(child, 'exit')
  const ready = Promise.race([
    once(child, 'message').then(() => undefined),
    exited.then(([code]) =>
      Promise.reject(new Error(`the ${daemon} ended with ${code} before it was ready`)),
    ),
  ])
  return {
    ready,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await exited
    },
  }
}

/** Throws where it is not so in time. */
export async function until(what: string, isIt: () => Promise<boolean>, withinMs = 180_000): Promise<void> {
  for (const deadline = Date.now() + withinMs; !(await isIt().catch(() => false)); await sleep(100))
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`)
}
