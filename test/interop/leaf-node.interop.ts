/** A far site with a nats-server of its own: its distributor reaches the streams through a leaf node, and delivers. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, connectOperator } from '../../cli/bus/connection.ts'
import { readWholeStatus } from '../../cli/runs/whole-status.ts'
import { ensureNatsKeys, ensureSealingKeys } from '../../cli/up/credentials.ts'
import { chooseLoopback, findFreePort } from '../../sandbox/free-port.ts'
import { type SandboxSite, startSite } from '../../sandbox/site.ts'
import type { RunStatus } from '../../services/notifier/ledger/answer-status.ts'
import type { RunAnswer } from '../../services/refresher/start-run/run-request.ts'
import { connectBus } from '../../shared/bus/connect.ts'
import { keyVariable, renderPermissionsFile } from '../../shared/bus/nats-conf.ts'
import { patiently } from '../../shared/bus/patiently.ts'
import { natsUsers } from '../../shared/bus/permissions.ts'
import { daemons, requests, streams } from '../../shared/contracts/subjects.ts'
import { seedFile } from '../../shared/daemon/state.ts'
import { patience } from '../support/patience.ts'
import { makeDirectory } from '../support/pipeline.ts'
import { findMisplaced } from '../support/site-ends.ts'
import { startDaemon, until } from './support/daemons.ts'
import { goProgram } from './support/real-programs.ts'

const stack = new AsyncDisposableStack()
let site: SandboxSite
let state: string
let hub: string
let env: Readonly<Record<string, string>>
/** How a server becomes a leaf node of the hub. */
let leaf: string

before(async () => {
  const [keys, directory] = [stack.use(await makeDirectory()), stack.use(await makeDirectory())]
  state = keys.path
  await ensureSealingKeys(state)
  const publicKeys = await ensureNatsKeys(state)
  env = Object.fromEntries(natsUsers.map((user) => [keyVariable(user), publicKeys[user]]))
  writeFileSync(join(state, 'permissions.conf'), renderPermissionsFile({ domain: 'hub' }))
  const host = chooseLoopback()(0)
  const port = await findFreePort(host)
  hub = await startServer('hub', env, `leafnodes { listen: "${host}:${port}" }`)
  // The far site needs no more of the hub than the key of its distributor, which nats-server takes from no file but its own.
  const seed = readFileSync(seedFile(state, 'distributor'), 'utf8').trim()
  writeFileSync(join(state, 'leaf-key.conf'), `nkey: ${seed}\n`, { mode: 0o600 })
  const remote = `{ url: "nats://${host}:${port}", account: MANAGED_TOKENS, include ./leaf-key.conf\n}`
  leaf = `leafnodes { remotes: [${remote}] }`
  const far = await startServer('far', env, leaf)
  site = stack.use(
    await startSite({
      dir: join(directory.path, 'site'),
      settings: { ...patience, tracing: undefined, nats: { servers: [hub], domain: 'hub' } },
    }),
  )
  const started = daemons.map((daemon) =>
    startDaemon(site, daemon, state, 0, daemon === 'distributor' ? ['--nats', far] : []),
  )
  for (const one of started) stack.use(one)
  await Promise.all(started.map(({ ready }) => ready))
})
after(() => stack.disposeAsync())

it('a distributor at a leaf node with JetStream of its own delivers every token', {
  timeout: 300_000,
}, async () => {
  await using operator = await connectOperator({ config: site.config, state, nats: hub })
  const { run } = await ask<RunAnswer>(operator, requests.run, {}, 10_000)
  let found: RunStatus | undefined
  await until('the run has finished', async () => {
    found = await readWholeStatus(operator, run)
    return found.finished != null
  })
  assert.deepEqual([found?.totals.failed, found?.totals.unfinished], [0, 0])
  const entries = found?.entries.map(({ entry }) => entry) ?? []
  assert.ok(entries.length > 0)
  assert.deepEqual(await findMisplaced(site, entries), [])
})

it('whatever a far server lets through, its key is good at the hub for a distributor’s facts and no others', async () => {
  const seed = seedFile(state, 'distributor')
  const rogue = await startServer('rogue', env, leaf, [
    `accounts { MANAGED_TOKENS: { jetstream: enabled, users: [{ nkey: ${env[keyVariable('distributor')]} }] } }`,
  ])
  await using bus = await connectBus({ servers: [rogue], user: 'distributor', seedFile: seed, domain: 'hub' })
  const say = (subject: string) => patiently(() => bus.js.publish(subject, '{}'), { patienceMs: 5_000 })
  await say('token.failed.rogue.one')
  await assert.rejects(say('token.ready.rogue.one'))
  await using operator = await connectOperator({ config: site.config, state, nats: hub })
  const ready = await operator.lastMessage(streams.tokens, 'token.ready.rogue.one')
  const failed = await operator.lastMessage(streams.tokens, 'token.failed.rogue.one')
  assert.deepEqual([ready, failed?.subject], [null, 'token.failed.rogue.one'])
})

/** Returns its URL. */
async function startServer(
  name: string,
  env: Readonly<Record<string, string>>,
  leafnodes: string,
  accounts = ['include ./permissions.conf'],
): Promise<string> {
  const directory = join(state, `server-${name}`)
  mkdirSync(directory)
  const conf = join(state, `${name}.conf`)
  writeFileSync(
    conf,
    `server_name: ${name}
listen: "127.0.0.1:-1"
ports_file_dir: "${directory}"
jetstream { store_dir: "${directory}", domain: ${name}, max_file_store: 4GB }
${leafnodes}
${accounts.join('\n')}
`,
  )
  const words = ['--pdeathsig', 'KILL', goProgram('nats-server'), '-c', conf, '-l', join(directory, 'log')]
  const server: ChildProcess = spawn('setpriv', words, { stdio: 'ignore', env: { ...process.env, ...env } })
  stack.defer(() => void server.kill('SIGKILL'))
  const file = join(directory, `nats-server_${server.pid}.ports`)
  for (const deadline = Date.now() + 30_000; ; await sleep(50)) {
    try {
      const { nats } = JSON.parse(readFileSync(file, 'utf8')) as { nats: [string] }
      return nats[0]
    } catch (error) {
      if (Date.now() > deadline)
        throw new Error(`${name} did not start: see ${directory}/log`, { cause: error })
    }
  }
}
