/** A bus that has no leader yet, or goes away while a daemon starts: waited for, and never the end of a daemon. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it } from 'node:test'
import { makeNatsCluster } from '../../../sandbox/support/nats-cluster.ts'
import { awaitTopology, ensureOwned } from '../../../shared/bus/streams/topology.ts'
import { type Daemon, daemons, streams } from '../../../shared/contracts/subjects.ts'
import { compileCache } from '../../support/compile-cache.ts'
import { startTestNats } from '../../support/nats.ts'
import { siteText } from '../config/site-text.ts'

const root = join(import.meta.dirname, '../../..')

interface Started extends AsyncDisposable {
  /** Resolves with the first line that says this; rejects when the daemon ends before. */
  says(text: string): Promise<void>
}

function start(daemon: Daemon, state: string, urls: readonly string[]): Started {
  const config = join(state, 'managedTokens.yml')
  writeFileSync(config, `${siteText()}nats: {servers: [${urls.map((url) => `"${url}"`).join(', ')}]}\n`)
  const child: ChildProcess = spawn(
    process.execPath,
    [
      join(root, 'services', daemon, 'main.ts'),
      ...['--config', config, '--state', state, '--allow-root', '--no-loki'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...compileCache } },
  )
  const lines: string[] = []
  const gone = once(child, 'exit')
  const reader = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  const waiting = new Set<{ text: string; found: () => void }>()
  reader.on('line', (line) => {
    lines.push(line)
    for (const one of waiting) if (line.includes(one.text)) one.found()
  })
  return {
    says(text) {
      if (lines.some((line) => line.includes(text))) return Promise.resolve()
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      waiting.add({ text, found: resolve })
      void gone.then(([code]) => reject(new Error(`the ${daemon} ended (${code}):\n${lines.join('\n')}`)))
      return promise
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await gone
    },
  }
}

async function makeState(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'mt-slow-bus-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

describe('a daemon whose bus is slow at its start', { timeout: 170_000 }, () => {
  it('waits for a cluster that has no leader yet, says so once, and is ready when it has one', async () => {
    await using state = await makeState()
    await using cluster = await makeNatsCluster(state.path)
    await cluster.start(0)
    await using stack = new AsyncDisposableStack()
    const started = daemons.map((daemon) => stack.use(start(daemon, state.path, cluster.urls)))
    // One server of three elects nobody: each of them has heard that by now.
    await Promise.all(started.map((one) => one.says('the bus does not answer')))
    await cluster.start(1)
    await Promise.all(started.map((one) => one.says('"msg":"ready"')))
    assert.ok(true)
  })
})

it('a daemon that waits for what others make says for what, and on which bus', {
  timeout: 60_000,
}, async () => {
  await using nats = await startTestNats()
  await using bus = await nats.connect('storer')
  const missing = Promise.withResolvers<string>()
  const waiting = awaitTopology(
    bus,
    { streams: [streams.tokens], buckets: [] },
    ({ kind, name, plan }) => missing.resolve(`${kind} ${name} of the ${plan.owner}`),
    10,
  )
  assert.equal(await missing.promise, 'stream TOKENS of the refresher')
  await using refresher = await nats.connect('refresher')
  await ensureOwned(refresher, 'refresher')
  await waiting
})
