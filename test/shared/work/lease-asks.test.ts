/** What a lease asks of the bus, question by question, and what it makes of the answers. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import { pino } from 'pino'
import { leaseTtlMs } from '../../../shared/bus/streams/topology.ts'
import { leaseHolder } from '../../../shared/telemetry/metrics/metrics.ts'
import { keepLease } from '../../../shared/work/lease.ts'

const lostRace = new JetStreamApiError({
  ...{ code: 400, err_code: JetStreamApiCodes.StreamWrongLastSequence, description: 'wrong last sequence' },
})

/** The bucket `leases`, with what the test puts there, and a lease in it. */
function open(t: TestContext, onTaken: () => Promise<void> = async () => {}) {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const bus = {
    entry: undefined as { operation: string; value: string; revision: number } | undefined,
    revision: 0,
    asked: [] as string[],
    /** The next answers that are errors. */
    errors: [] as Error[],
  }
  const ask = (what: string) => {
    bus.asked.push(what)
    const error = bus.errors.shift()
    if (error) throw error
  }
  const write = (operation: string, value: string) => {
    bus.entry = { operation, value, revision: ++bus.revision }
    return bus.revision
  }
  const mustBe = (revision: number) => {
    if ((bus.entry?.revision ?? 0) !== revision) throw lostRace
  }
  const kv = {
    async get(name: string) {
      ask(`get ${name}`)
      const { entry } = bus
      return entry ? { ...entry, string: () => entry.value } : null
    },
    async create(name: string, value: string) {
      ask(`create ${name}`)
      mustBe(0)
      return write('PUT', value)
    },
    async update(name: string, value: string, revision: number) {
      ask(`update ${name} ${revision}`)
      mustBe(revision)
      return write('PUT', value)
    },
    async delete(name: string, { previousSeq }: { previousSeq: number }) {
      ask(`delete ${name} ${previousSeq}`)
      mustBe(previousSeq)
      write('DEL', '')
    },
  } as unknown as KV
  const said: string[] = []
  const log = pino({}, { write: (line) => void said.push(JSON.parse(line).msg) })
  const lease = keepLease(kv, 'storer', { onTaken, log })
  const settle = () => new Promise(setImmediate)
  const renew = async () => {
    t.mock.timers.tick(leaseTtlMs / 3)
    await settle()
  }
  const since = () => bus.asked.splice(0)
  const gauge = async () =>
    (await leaseHolder.get()).values.find(({ labels }) => labels.lease === 'storer')?.value
  return { bus, write, said, lease, renew, settle, since, gauge }
}

describe('a lease', () => {
  it('is taken where nobody has it, once, and found again', async (t) => {
    let taken = 0
    const { lease, said, since, gauge } = open(t, async () => void taken++)
    assert.equal(await lease.held(), true)
    assert.deepEqual(since(), ['get storer', 'create storer'])
    assert.equal(await lease.held(), true)
    assert.deepEqual(since(), ['get storer'])
    assert.deepEqual([taken, said], [1, ['holding the lease']])
    assert.equal(await gauge(), 1)
    await lease[Symbol.asyncDispose]()
    assert.equal(await gauge(), undefined, 'who has ended says nothing of it')
  })

  it('is not ours while another holder has it, and is taken when that gave it up', async (t) => {
    const { lease, write, said, since, gauge } = open(t, () => Promise.resolve())
    write('PUT', 'somebody else')
    assert.equal(await lease.held(), false)
    assert.deepEqual(since(), ['get storer'])
    assert.deepEqual([said, await gauge()], [[], 0])
    write('DEL', '')
    assert.equal(await lease.held(), true)
    assert.deepEqual(since(), ['get storer', 'update storer 2'])
  })

  it('is not ours where another one was faster', async (t) => {
    let taken = 0
    const { lease, bus, said } = open(t, async () => void taken++)
    bus.errors = [undefined as never, lostRace]
    assert.equal(await lease.held(), false)
    assert.deepEqual([taken, said], [0, []])
  })

  it('is lost, and taken anew, with all that was to be done first', async (t) => {
    let taken = 0
    const { lease, bus, write, said, gauge } = open(t, async () => void taken++)
    await lease.held()
    write('PUT', 'somebody else')
    assert.equal(await lease.held(), false)
    assert.equal(await gauge(), 0)
    assert.equal(await lease.held(), false)
    bus.entry = undefined
    assert.equal(await lease.held(), true)
    assert.equal(taken, 2)
    assert.deepEqual(said, ['holding the lease', 'the lease was lost', 'holding the lease'])
  })

  it('is tried again after what was to be done first has failed, and by who asked meanwhile', async (t) => {
    let tries = 0
    const { lease } = open(t, async () => {
      if (++tries === 1) throw new Error('cannot recover')
    })
    const asked = [lease.held(), lease.held()]
    await assert.rejects(asked[0] ?? assert.fail(), /cannot recover/)
    assert.deepEqual([await asked[1], tries], [true, 2])
  })
})

describe('the life of a lease', () => {
  it('is renewed at a third of it, without a look in between', async (t) => {
    const { lease, since, renew } = open(t)
    await lease.held()
    since()
    await renew()
    await renew()
    assert.deepEqual(since(), ['update storer 1', 'update storer 2'])
    await lease.held()
    await renew()
    assert.deepEqual(since(), ['get storer', 'update storer 3'])
  })

  it('is not renewed by who does not have it', async (t) => {
    const { lease, write, since, renew } = open(t)
    write('PUT', 'somebody else')
    await lease.held()
    since()
    await renew()
    assert.deepEqual(since(), ['get storer'])
    write('DEL', '')
    await renew()
    assert.deepEqual(since(), ['get storer'])
  })

  it('is looked up where somebody was faster, and goes on where it is still ours', async (t) => {
    const { lease, bus, since, renew, settle } = open(t)
    await lease.held()
    const ours = bus.entry
    // Written by ourselves, though the answer was lost.
    if (ours) bus.entry = { ...ours, revision: ++bus.revision }
    since()
    await renew()
    await renew()
    await settle()
    assert.deepEqual(since(), ['update storer 1', 'get storer', 'update storer 2'])
  })

  it('ends with a word where the bus is away, and is renewed by the next try', async (t) => {
    const { lease, bus, said, since, renew } = open(t)
    await lease.held()
    since()
    bus.errors = [new Error('away')]
    await renew()
    await renew()
    assert.deepEqual(said, ['holding the lease', 'could not renew the lease'])
    assert.deepEqual(since(), ['update storer 1', 'update storer 1'])
  })

  it('ends when it is given up: nothing is renewed, and only our own is deleted', async (t) => {
    const { lease, bus, since, renew } = open(t)
    await lease.held()
    await renew()
    since()
    await lease[Symbol.asyncDispose]()
    assert.deepEqual(since(), ['get storer', 'delete storer 2'])
    assert.equal(bus.entry?.operation, 'DEL')
    await renew()
    assert.deepEqual(since(), [])
  })

  it('is left to whoever has it by then, and to time where the bus is away', async (t) => {
    const { lease, bus, write, since } = open(t)
    await lease.held()
    write('PUT', 'somebody else')
    await lease[Symbol.asyncDispose]()
    assert.equal(bus.entry?.value, 'somebody else')
    since()
    bus.errors = [new Error('away')]
    await lease[Symbol.asyncDispose]()
    assert.deepEqual(since(), ['get storer'])
  })

  it('is given up without a word where somebody is faster even then', async (t) => {
    const { lease, bus, since } = open(t)
    await lease.held()
    since()
    bus.errors = [undefined as never, lostRace]
    await lease[Symbol.asyncDispose]()
    assert.deepEqual(since(), ['get storer', 'delete storer 1'])
  })
})
