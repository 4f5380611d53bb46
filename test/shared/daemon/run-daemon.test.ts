import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { it } from 'node:test'
import { ensureNatsKeys } from '../../../cli/up/credentials.ts'
import { compileCache } from '../../support/compile-cache.ts'
import { startTestNats } from '../../support/nats.ts'
import { siteText } from '../config/site-text.ts'

it('a daemon that is told to stop before it was ready leaves no ticket behind', {
  timeout: 60_000,
}, async () => {
  await using nats = await startTestNats()
  const child = startNeverReady(nats.stateRoot, '--nats', nats.url)
  child.stdout?.resume()
  await once(child, 'message')
  const tickets = () =>
    readdirSync(nats.stateRoot, { recursive: true }).filter((path) => `${path}`.endsWith('.ccache'))
  assert.equal(tickets().length, 1)
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  assert.deepEqual([code, tickets()], [0, []])
})

it('a daemon that is told to stop while it waits for NATS ends at once, as if nothing were wrong', {
  timeout: 60_000,
}, async () => {
  await using state = await makeState()
  await ensureNatsKeys(state.path)
  const child = startNeverReady(state.path, '--nats', 'nats://127.0.0.1:1')
  let said = ''
  const ended = once(child, 'exit')
  for await (const chunk of child.stdout ?? []) {
    if (said.includes('connecting to NATS')) continue
    said += chunk
    if (said.includes('connecting to NATS')) child.kill('SIGTERM')
  }
  assert.deepEqual(await ended, [0, null])
})

it('a daemon that knows no NATS server says in one line what to do, as for any wrong use', async () => {
  await using state = await makeState()
  const child = startNeverReady(state.path)
  const [[code], said] = await Promise.all([
    once(child, 'exit'),
    Promise.all([child.stdout, child.stderr].map((stream) => stream && text(stream))),
  ])
  assert.deepEqual(
    [code, ...said],
    [
      2,
      '',
      'refresher: no NATS server is known: set nats.servers in the configuration, give --nats URL, or start everything with "managed-tokens up".\n',
    ],
  )
})

async function makeState(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'mt-daemon-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

function startNeverReady(state: string, ...options: string[]) {
  const config = join(state, 'managedTokens.yml')
  writeFileSync(config, siteText())
  return fork(
    join(import.meta.dirname, '../../support/never-ready.ts'),
    ['--config', config, '--state', state, '--allow-root', ...options],
    { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: { ...process.env, ...compileCache } },
  )
}
