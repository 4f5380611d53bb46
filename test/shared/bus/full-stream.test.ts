/** A queue that is full refuses what is new, and drops nothing that waits; facts make room. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { isBusError } from '../../../shared/bus/bus-errors.ts'
import type { Bus } from '../../../shared/bus/connect.ts'
import { ensureOwned } from '../../../shared/bus/streams/topology.ts'
import { streams } from '../../../shared/contracts/subjects.ts'
import { startTestNats } from '../../support/nats.ts'

const item = (node: number) => `push.dune.production.node${node}`
const large = 'x'.repeat(300)

describe('a stream that is full', () => {
  const stack = new AsyncDisposableStack()
  let distributor: Bus
  let refresher: Bus
  before(async () => {
    const nats = stack.use(await startTestNats())
    const open = async (user: 'admin' | 'distributor' | 'refresher') => {
      const bus = await nats.connect(user)
      stack.defer(() => bus.nc.close())
      return bus
    }
    distributor = await open('distributor')
    refresher = await open('refresher')
    await ensureOwned(distributor, 'distributor')
    await ensureOwned(refresher, 'refresher')
    const { jsm } = await open('admin')
    for (const stream of [streams.push, streams.tokens])
      await jsm.streams.update(stream, { max_bytes: 2_000 })
  })
  after(() => stack.disposeAsync())

  it('of work: the writer hears of it as of a bus that is not ready, and what waits goes on waiting', async () => {
    const written: number[] = []
    let refused: unknown
    for (let node = 0; node < 20 && !refused; node++)
      await distributor.js.publish(item(node), large).then(
        () => written.push(node),
        (error) => {
          refused = error
        },
      )
    assert.match(String(refused), /maximum bytes exceeded/)
    assert.ok(isBusError(refused))
    for (const node of written)
      assert.ok(await distributor.lastMessage(streams.push, item(node)), `node ${node} waits`)
  })

  it('of facts: the newest is there, the oldest is not', async () => {
    for (let run = 0; run < 20; run++) await refresher.js.publish(`token.ready.dune.role${run}`, large)
    const { state } = await refresher.jsm.streams.info(streams.tokens)
    assert.equal(state.last_seq, 20)
    assert.ok(state.first_seq > 10)
  })
})
