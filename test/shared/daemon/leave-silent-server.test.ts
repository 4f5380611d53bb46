/** A real cluster of three: whoever is connected to the server that is cut off goes to the others. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { StreamInfo } from '@nats-io/jetstream'
import { makeNatsCluster, type NatsCluster } from '../../../sandbox/support/nats-cluster.ts'
import { connectBus } from '../../../shared/bus/connect.ts'
import { patiently } from '../../../shared/bus/patiently.ts'
import { ensureOwned } from '../../../shared/bus/streams/topology.ts'
import { hasQuorum, leaveSilentServer } from '../../../shared/daemon/leave-silent-server.ts'
import { seedFile } from '../../../shared/daemon/state.ts'

const quick = { everyMs: 200, aloneMs: 200, answerMs: 1_000, silentMs: 60_000, longestMs: 10_000 }

describe('a connection to a server that is cut off from its cluster', { timeout: 120_000 }, () => {
  let state: string
  let cluster: NatsCluster
  before(async () => {
    state = await mkdtemp(join(tmpdir(), 'mt-silent-'))
    cluster = await makeNatsCluster(state)
    await Promise.all([0, 1, 2].map((index) => cluster.start(index)))
    const refresher = { user: 'refresher', seedFile: seedFile(state, 'refresher'), replicas: 3 }
    await using bus = await connectBus({ servers: cluster.urls, ...refresher })
    await patiently(() => ensureOwned(bus, 'refresher'))
  })
  after(async () => {
    await cluster[Symbol.asyncDispose]()
    await rm(state, { recursive: true, force: true })
  })

  const connect = (servers: readonly string[]) =>
    connectBus({ servers, user: 'notifier', seedFile: seedFile(state, 'notifier') })

  it('is left for one of the others, where JetStream answers; said once', async () => {
    await using bus = await connect(cluster.urls)
    await patiently(() => bus.jsm.getAccountInfo())
    const server = new URL(`nats://${bus.nc.getServer()}`).host
    const said: unknown[] = []
    using _leaving = leaveSilentServer(
      bus,
      cluster.urls,
      { warn: (...words: unknown[]) => said.push(words) },
      quick,
    )
    const reconnected = (async () => {
      for await (const { type } of bus.nc.status()) if (type === 'reconnect') return
    })()
    cluster.isolate(cluster.urls.findIndex((url) => url.endsWith(server)))
    await reconnected
    assert.notEqual(bus.nc.getServer(), server)
    assert.equal((said as { to: string }[][])[0]?.[0]?.to, bus.nc.getServer())
    await patiently(() => bus.jsm.getAccountInfo())
    assert.deepEqual(
      said.map((words) => (words as { server: string }[])[0]?.server),
      [server],
    )
    cluster.heal()
  })

  it('stays where it is where no other server is known', async () => {
    await using bus = await connect(cluster.urls.slice(0, 1))
    const left: unknown[] = []
    const alone = { ...bus, nc: bus.nc, jsm: bus.jsm, moveTo: async () => void left.push(1) }
    const asked = Promise.withResolvers<void>()
    let looks = 0
    const jsm = {
      streams: {
        info() {
          if (++looks === 3) asked.resolve()
          return Promise.reject(new Error('silent'))
        },
      },
    } as unknown as typeof bus.jsm
    using _leaving = leaveSilentServer(
      { ...alone, jsm },
      cluster.urls.slice(0, 1),
      { warn: () => left.push('said') },
      { ...quick, aloneMs: 5, silentMs: 0 },
    )
    await asked.promise
    assert.deepEqual(left, ['said'], 'once, and nowhere else is gone to')
  })
})

/** A server of a cluster on which JetStream works or not, and the same of the other one. */
async function watch(worksHere: boolean, worksThere: boolean, silentMs: number): Promise<readonly string[]> {
  const answers = (works: boolean) => ({
    streams: {
      info: () =>
        works ? Promise.resolve({ cluster: { leader: 'a' } }) : Promise.reject(new Error('silent')),
    },
  })
  const done: string[] = []
  const looked = Promise.withResolvers<void>()
  let looks = 0
  const here = answers(worksHere)
  const bus = {
    nc: { isClosed: () => false, getServer: () => 'a:1', reconnect: async () => void done.push('left') },
    jsm: {
      streams: {
        info() {
          if (++looks === 4) looked.resolve()
          return here.streams.info()
        },
      },
    },
    visit: async () => ({ nc: { getServer: () => 'b:1', close: async () => {} }, jsm: answers(worksThere) }),
    moveTo: async (server: string) => void done.push(`moved to ${server}`),
  } as unknown as Parameters<typeof leaveSilentServer>[0]
  const timing = { everyMs: 1, aloneMs: 1, answerMs: 60_000, silentMs, longestMs: 60_000 }
  using _leaving = leaveSilentServer(bus, ['nats://a:1', 'nats://b:1'], { warn: () => {} }, timing)
  await looked.promise
  return [...new Set(done)]
}

describe('a server of several', () => {
  const [soon, late] = [0, 60_000]
  const cases: Readonly<Record<string, readonly [boolean, boolean, number, readonly string[]]>> = {
    'is kept as long as JetStream works on it': [true, true, soon, []],
    'is left for one on which it works, at once': [false, true, late, ['moved to b:1']],
    'is kept during an election, when it works nowhere': [false, false, late, []],
    'is left for any other when it has worked nowhere for long': [false, false, soon, ['left']],
  }
  for (const [what, [here, there, silentMs, expected]] of Object.entries(cases))
    it(what, async () => assert.deepEqual(await watch(here, there, silentMs), expected))
})

describe('a stream has its quorum', () => {
  const heard = (...seconds: readonly number[]) =>
    seconds.map((s) => ({ name: 'x', current: true, offline: false, lag: 0, active: s * 1e9 }))
  const cases: Readonly<Record<string, readonly [Partial<StreamInfo['cluster']> | undefined, boolean]>> = {
    'on a server without a cluster': [undefined, true],
    'with one copy': [{ leader: 'a' }, true],
    'with every copy heard of': [{ leader: 'a', replicas: heard(0.4, 0.9) }, true],
    'with one copy of three away': [{ leader: 'a', replicas: heard(0.4, 90) }, true],
    'not where its leader has heard of nobody lately': [{ leader: 'a', replicas: heard(4, 4) }, false],
    'not where nobody leads it': [{ replicas: heard(0, 0) }, false],
    'not with three copies of five away': [{ leader: 'a', replicas: heard(0, 4, 5, 6) }, false],
  }
  for (const [what, [cluster, expected]] of Object.entries(cases))
    it(what, () => assert.equal(hasQuorum({ cluster } as Pick<StreamInfo, 'cluster'>), expected))
})
