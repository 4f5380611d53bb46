import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { compileCache } from '../support/compile-cache.ts'
import { startTestNats } from '../support/nats.ts'
import { siteText } from './config/site-text.ts'

it('a daemon that is told to stop before it was ready leaves no ticket behind', {
  timeout: 60_000,
}, async () => {
  await using nats = await startTestNats()
  const config = join(nats.stateRoot, 'managedTokens.yml')
  writeFileSync(config, siteText())
  const child = fork(
    join(import.meta.dirname, '../support/never-ready.ts'),
    ['--config', config, '--state', nats.stateRoot, '--nats', nats.url, '--allow-root'],
    { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], env: { ...process.env, ...compileCache } },
  )
  await once(child, 'message')
  const tickets = () =>
    readdirSync(nats.stateRoot, { recursive: true }).filter((path) => `${path}`.endsWith('.ccache'))
  assert.equal(tickets().length, 1)
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  assert.deepEqual([code, tickets()], [0, []])
})
