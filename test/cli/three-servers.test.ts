/** One server becomes three: what lies there is copied by `bus upgrade`, and the loss of any one of them stops nothing. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { checkBus } from '../../cli/doctor/bus.ts'
import { makeNatsCluster, type NatsCluster } from '../../sandbox/support/nats-cluster.ts'
import { type Bus, connectBus } from '../../shared/bus/connect.ts'
import { patiently } from '../../shared/bus/patiently.ts'
import type { NatsUser } from '../../shared/bus/permissions.ts'
import { ensureOwned, owned } from '../../shared/bus/streams/topology.ts'
import { buckets, daemons } from '../../shared/contracts/subjects.ts'
import { seedFile } from '../../shared/daemon/state.ts'
import { siteText } from '../shared/config/site-text.ts'
import { eventually } from '../support/latch.ts'
import { makeDirectory } from '../support/pipeline.ts'
import { type } from '../support/terminal.ts'

describe('from one copy of everything to three', { timeout: 170_000 }, () => {
  const stack = new AsyncDisposableStack()
  let state: string
  let config: string
  let cluster: NatsCluster
  before(async () => {
    const directory = stack.use(await makeDirectory())
    state = directory.path
    config = join(state, 'managedTokens.yml')
    cluster = stack.use(await makeNatsCluster(state))
    await Promise.all([0, 1, 2].map((index) => cluster.start(index)))
    const servers = cluster.urls.map((url) => `"${url}"`).join(', ')
    await writeFile(config, `${siteText()}nats: {servers: [${servers}], replicas: 3}\n`)
  })
  after(() => stack.disposeAsync())

  const connect = async (user: NatsUser, replicas = 3): Promise<Bus> => {
    const bus = await connectBus({ servers: cluster.urls, user, replicas, seedFile: seedFile(state, user) })
    await patiently(() => bus.jsm.getAccountInfo())
    return bus
  }
  const doctor = async () => {
    const { look } = checkBus(undefined, { config, state })
    return (await look(AbortSignal.timeout(60_000))).map(({ state: how, says }) => `${how}: ${says}`)
  }

  it('a daemon whose streams have fewer copies than configured says so, and leaves them', async () => {
    for (const daemon of daemons) {
      await using bus = await connect(daemon, 1)
      await patiently(() => ensureOwned(bus, daemon))
    }
    await using bus = await connect('storer')
    const outdated = await patiently(() => ensureOwned(bus, 'storer'))
    assert.deepEqual(
      outdated.map(({ name, differences }) => [name, ...differences]),
      [['STORE', { property: 'num_replicas', is: 1, wanted: 3 }]],
    )
  })

  it('bus upgrade makes the copies, with nothing lost', async () => {
    await using bus = await connect('refresher')
    const uids = await bus.bucket(buckets.uids)
    await uids.put('dune.production', '{"kept":true}')
    const { exit, stdout, stderr } = await type(['bus', 'upgrade', '--config', config, '--state', state])
    assert.deepEqual([exit, stderr], [0, ''])
    assert.equal(stdout.trim().split('\n').length, owned.length)
    assert.match(stdout, /stream TOKENS is changed: num_replicas is 1, not 3/)
    await eventually(
      async () => !(await doctor()).some((line) => /are away or behind|no server leads/.test(line)),
      'all copies are there',
    )
    assert.equal((await uids.get('dune.production'))?.string(), '{"kept":true}')
    await ensureOwned(bus, 'refresher').then((outdated) => assert.deepEqual(outdated, []))
  })

  it('with one server killed everything is answered, and doctor names it', async () => {
    await cluster.stop(0)
    await using bus = await connect('refresher')
    const uids = await bus.bucket(buckets.uids)
    assert.equal((await patiently(() => uids.get('dune.production')))?.string(), '{"kept":true}')
    await patiently(() => uids.put('dune.production', '{"kept":"again"}'))
    await eventually(
      async () => (await doctor()).some((line) => line === 'warning: copies on one are away or behind'),
      'doctor names the server that is away',
    )
  })
})
