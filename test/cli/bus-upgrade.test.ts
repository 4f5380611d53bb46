/** A bus of an earlier version: daemons leave it as it is and say so, and `bus upgrade` brings it up to date, with nothing lost. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { DiscardPolicy, RetentionPolicy } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { checkBus } from '../../cli/doctor/bus.ts'
import { startNatsServer } from '../../cli/up/nats-server.ts'
import { type Bus, connectBus } from '../../shared/bus/connect.ts'
import { daemonsAccount } from '../../shared/bus/nats-conf.ts'
import { ensureOwned, owned } from '../../shared/bus/streams/topology.ts'
import { streams } from '../../shared/contracts/subjects.ts'
import { natsFiles, seedFile } from '../../shared/daemon/state.ts'
import { connectAlmighty } from '../support/almighty.ts'
import { startTestNats, type TestNats } from '../support/nats.ts'
import { makeDirectory } from '../support/pipeline.ts'
import { type } from '../support/terminal.ts'

const day = 24 * 60 * 60 * 1e9

/** As they were made before there were limits. */
async function makeEarlier({ jsm, js }: Bus): Promise<void> {
  await jsm.streams.add({ name: 'TOKENS', subjects: ['token.*.*.*', 'run.*'], max_age: 14 * day })
  await jsm.streams.add({
    ...{ name: 'PUSH', subjects: ['push.*.*.*'], retention: RetentionPolicy.Workqueue },
    ...{ max_msgs_per_subject: 1, discard: DiscardPolicy.Old },
  })
  await new Kvm(js).create('sealed', { allow_direct: false, history: 8, ttl: (28 * day) / 1e6 })
}

describe('managed-tokens bus upgrade', () => {
  const stack = new AsyncDisposableStack()
  let nats: TestNats
  let almighty: Bus
  let distributor: Bus
  before(async () => {
    nats = stack.use(await startTestNats())
    almighty = await connectAlmighty(nats.stateRoot, nats.url, () => process.kill(nats.pid(), 'SIGHUP'))
    stack.defer(() => almighty.nc.close())
    distributor = await nats.connect('distributor')
    stack.defer(() => distributor.nc.close())
    await makeEarlier(almighty)
    await distributor.js.publish('push.dune.production.node1', '{"waits":true}')
  })
  after(() => stack.disposeAsync())

  const upgrade = (...words: string[]) => type(['bus', 'upgrade', ...words, '--state', nats.stateRoot])
  const doctor = async () => {
    const { look } = checkBus(undefined, { state: nats.stateRoot, nats: nats.url })
    return (await look(AbortSignal.timeout(60_000))).map(({ state, says }) => `${state}: ${says}`)
  }

  it('a daemon works on with what is there, and says what is out of date', async () => {
    const outdated = await ensureOwned(distributor, 'distributor')
    assert.deepEqual(
      outdated.map(({ name, differences }) => [name, differences.map(({ property }) => property)]),
      [['PUSH', ['max_bytes', 'discard']]],
    )
    assert.equal((await almighty.jsm.streams.info('PUSH')).config.max_bytes, -1)
  })

  it('doctor says so, with the command', async () => {
    const findings = await doctor()
    const old = 'made by an earlier version, without limits: stream TOKENS, stream PUSH, bucket sealed'
    assert.ok(findings.includes(`warning: ${old}`), findings.join('\n'))
    assert.ok(findings.some((line) => line.startsWith('ok: the permissions in force are those of this')))
  })

  it('--dry-run says what it would do, and does nothing', async () => {
    const { exit, stdout, stderr } = await upgrade('--dry-run')
    assert.deepEqual([exit, stderr], [0, ''])
    assert.match(
      stdout,
      /^stream PUSH would be changed: max_bytes is -1, not \d+; discard is "old", not "new"$/m,
    )
    assert.match(stdout, /^bucket runs is not there: its daemon makes it$/m)
    assert.match(stdout, /^Nothing was changed: leave --dry-run out to do it\.$/m)
    assert.equal((await almighty.jsm.streams.info('PUSH')).config.max_bytes, -1)
  })

  it('changes what is there and loses nothing; a second time there is nothing to do', async () => {
    const { exit, stdout } = await upgrade('--json')
    assert.equal(exit, 0)
    const states = (JSON.parse(stdout) as { streams: { name: string; state: string }[] }).streams
    const named = (wanted: string) => states.filter(({ state }) => state === wanted).map(({ name }) => name)
    assert.deepEqual(named('changed'), ['TOKENS', 'PUSH', 'sealed'])
    assert.equal(named('missing').length, owned.length - 3)
    const waiting = await almighty.lastMessage(streams.push, 'push.dune.production.node1')
    assert.deepEqual(waiting?.json(), { waits: true })
    assert.deepEqual(await ensureOwned(distributor, 'distributor'), [])
    const again = await upgrade('--json')
    assert.doesNotMatch(again.stdout, /"(changed|outdated)"/)
  })

  it('what somebody has changed is a problem for doctor; what the server does not change is said, with exit 1', async () => {
    await almighty.jsm.streams.delete('PUSH')
    const { config } = owned.find(({ name }) => name === 'PUSH')?.plan ?? { config: { name: 'PUSH' } }
    await almighty.jsm.streams.add({ ...config, republish: { src: '>', dest: 'elsewhere.>' }, max_msgs: 1 })
    const findings = await doctor()
    const says = 'problem: stream PUSH is not as it was made: max_msgs is 1, not -1; republish is set'
    assert.ok(findings.includes(says), findings.join('\n'))
    const { exit, stdout } = await upgrade()
    if (almighty.nc.info?.version.startsWith('2.9.')) {
      assert.equal(exit, 1)
      assert.match(stdout, /^stream PUSH cannot be changed, says the server \(.*RePublish\)/m)
    } else
      assert.deepEqual(
        [exit, stdout],
        [0, 'stream PUSH is changed: max_msgs is 1, not -1; republish is set\n'],
      )
  })

  it('another key than the admin’s is told which is missing', async () => {
    await using directory = await makeDirectory()
    const words = ['bus', 'upgrade', '--nats', nats.url, '--state', directory.path]
    const { exit, stderr } = await type(words)
    assert.equal(exit, 2)
    assert.match(stderr, /There is no admin's seed at .*admin\/nats\.nk/)
  })
})

describe('a private server whose store is of the time before the accounts', () => {
  it('starts with what lies there', async () => {
    await using directory = await makeDirectory()
    const stateRoot = directory.path
    const start = () => startNatsServer({ stateRoot, port: 0 })
    const open = (url: string) =>
      connectBus({ servers: [url], user: 'distributor', seedFile: seedFile(stateRoot, 'distributor') })
    const first = await start()
    {
      await using bus = await open(first.url)
      await ensureOwned(bus, 'distributor')
      await bus.js.publish('push.dune.production.node1', '{}')
    }
    await first.stop()
    const accounts = join(natsFiles(stateRoot).store, 'jetstream')
    await mkdir(accounts, { recursive: true })
    await rename(join(accounts, daemonsAccount), join(accounts, '$G'))
    const second = await start()
    try {
      await using bus = await open(second.url)
      assert.equal((await bus.jsm.streams.info(streams.push)).state.messages, 1)
      assert.ok(!existsSync(join(accounts, '$G')))
    } finally {
      await second.stop()
    }
  })
})
