/** What the README tells an operator to type with the real `nats` command line. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { daemons } from '../../shared/contracts/subjects.ts'
import { seedFile } from '../../shared/daemon/state.ts'
import { eventually } from '../support/latch.ts'
import { patience } from '../support/patience.ts'
import { makeDirectory, type Pipeline, startPipeline } from '../support/pipeline.ts'
import { goProgram } from './support/real-programs.ts'

const execute = promisify(execFile)
const stack = new AsyncDisposableStack()
let pipeline: Pipeline
let nats: (...args: string[]) => Promise<{ stdout: string; stderr: string }>

before(async () => {
  const program = goProgram('nats')
  const directory = stack.use(await makeDirectory())
  pipeline = stack.use(await startPipeline({ dir: directory.path, settings: patience }))
  const env = {
    PATH: process.env.PATH,
    HOME: directory.path,
    NATS_URL: pipeline.supervisor.url,
    NATS_NKEY: pipeline.supervisor.operatorSeedFile,
  }
  nats = (...args) => execute(program, args, { env, timeout: 300_000 })
})
after(() => stack.disposeAsync())

test('a run is asked for with an empty body, and its facts are heard', async () => {
  const heard = nats('sub', 'token.>', '--count', '3', '--raw')
  await nats('rtt')
  const { stdout } = await nats('req', '--raw', 'managed-tokens.run', '')
  const { run, entries } = JSON.parse(stdout)
  assert.match(run, /^[0-9A-Z]{26}$/)
  assert.equal(entries.length, 4)
  await pipeline.finish(run, 300_000)
  assert.match((await heard).stdout, /"tokenId"/)
})

const prefix = ['--js-api-prefix', 'managed-tokens-js']

test('the streams are listed, with the last fact of each entry in TOKENS', async () => {
  const { stdout } = await nats('stream', 'ls', '--names', ...prefix)
  for (const name of ['TOKENS', 'REFRESH', 'STORE', 'PUSH', 'NOTIFY', 'DEAD'])
    assert.match(stdout, new RegExp(`^${name}$`, 'm'))
  const last = await nats('stream', 'get', 'TOKENS', '--last-for', 'token.ready.dune.production', ...prefix)
  assert.match(last.stdout, /"entry":\s*"dune_production"/)
})

test('the four daemons are micro services', async () => {
  // It waits a moment for answers, and shows what has come by then.
  await eventually(async () => {
    const { stdout } = await nats('micro', 'ls')
    return daemons.every((daemon) => stdout.includes(`managed-tokens-${daemon}`))
  }, 'all four are listed')
  const info = await nats('micro', 'info', 'managed-tokens-refresher')
  assert.match(info.stdout, /managed-tokens\.run/)
  const stats = await nats('micro', 'stats', 'managed-tokens-notifier')
  assert.match(stats.stdout, /status/)
})

test('an unknown service is refused with the nearest known one', async () => {
  const { stdout } = await nats('req', '--raw', 'managed-tokens.run', '{"services":["dune_prodution"]}')
  assert.match(JSON.parse(stdout).error.message, /did you mean dune_production/)
})

test('an operator can publish no fact and read no sealed token', async () => {
  await assert.rejects(nats('pub', 'token.ready.dune.production', '{}'), /permissions violation/i)
  await assert.rejects(
    nats('kv', 'get', 'sealed', 'dune=5Fproduction', '--timeout', '2s', ...prefix),
    /permissions violation|deadline/i,
  )
})

test('an operator sees what is wrong in DEAD, and makes no consumer there', async () => {
  const { stdout } = await nats('stream', 'info', 'DEAD', ...prefix)
  assert.match(stdout, /dead\.>/)
  await assert.rejects(
    nats('consumer', 'add', 'DEAD', 'mine', '--pull', '--defaults', '--timeout', '2s', ...prefix),
    /permissions violation|deadline/i,
  )
})

test('the admin removes a stream, and its daemon makes it again', async () => {
  const as = ['--nkey', seedFile(pipeline.site.layout.state, 'admin'), '--inbox-prefix', '_INBOX_admin']
  const created = async () => (await pipeline.bus.jsm.streams.info('NOTIFY')).created
  const before = await created()
  await nats('stream', 'rm', 'NOTIFY', '--force', ...as)
  await eventually(async () => (await created().catch(() => before)) !== before, 'another NOTIFY')
})
