/** A real cluster of three: whoever is connected to the server that is cut off goes to the others. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { makeNatsCluster, type NatsCluster } from '../../../sandbox/support/nats-cluster.ts'
import { connectBus } from '../../../shared/bus/connect.ts'
import { patiently } from '../../../shared/bus/patiently.ts'
import { leaveSilentServer } from '../../../shared/daemon/leave-silent-server.ts'
import { seedFile } from '../../../shared/daemon/state.ts'

const quick = { everyMs: 200, aloneMs: 200, silentMs: 1_000, longestMs: 10_000 }

describe('a connection to a server that is cut off from its cluster', { timeout: 120_000 }, () => {
  let state: string
  let cluster: NatsCluster
  before(async () => {
    state = await mkdtemp(join(tmpdir(), 'mt-silent-'))
    cluster = await makeNatsCluster(state)
    await Promise.all([0, 1, 2].map((index) => cluster.start(index)))
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
    await patiently(() => bus.jsm.getAccountInfo())
    assert.deepEqual(
      said.map((words) => (words as unknown[])[0]),
      [{ server }],
    )
    cluster.heal()
  })

  it('stays where it is as long as JetStream answers, and where no other server is known', async () => {
    await using bus = await connect(cluster.urls.slice(0, 1))
    const left: unknown[] = []
    const asked: unknown[] = []
    const { nc } = bus
    const answering = async () => void asked.push(1)
    for (const [servers, getAccountInfo] of [
      [cluster.urls, answering],
      [['nats://127.0.0.1:1'], () => Promise.reject(new Error('silent'))],
    ] as const) {
      const jsm = { getAccountInfo } as unknown as typeof bus.jsm
      const alone = {
        nc: { ...{ info: {} }, reconnect: async () => left.push(servers) },
        jsm,
      } as unknown as typeof bus
      using _leaving = leaveSilentServer(
        alone,
        servers,
        { warn: () => {} },
        { everyMs: 5, aloneMs: 5, silentMs: 10, longestMs: 20 },
      )
      const { promise, resolve } = Promise.withResolvers<void>()
      setTimeout(resolve, 100)
      await promise
    }
    assert.ok(asked.length > 2)
    assert.deepEqual(left, [])
    assert.ok(!nc.isClosed())
  })
})
