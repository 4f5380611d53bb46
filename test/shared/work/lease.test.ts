import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { leaseTtlMs } from '../../../shared/bus/streams/topology.ts'
import { keepLease } from '../../../shared/work/lease.ts'
import { eventually, latch } from '../../support/latch.ts'
import { openRefreshQueue, type RefreshQueue, silent } from '../../support/refresh-queue.ts'

/** Two replicas of the storer, each with its own connection. */
async function openReplicas(queue: RefreshQueue, stack: AsyncDisposableStack) {
  const open = async (onTaken: () => Promise<void> = async () => {}) => {
    const bus = await queue.nats.connect('storer')
    stack.defer(() => bus.nc.close())
    const lease = keepLease(await bus.bucket('leases'), 'storer', { onTaken, log: silent })
    stack.use(lease)
    return lease
  }
  return { open }
}

async function forkHolder(queue: RefreshQueue, stack: AsyncDisposableStack): Promise<ChildProcess> {
  const child = fork(
    new URL('../../support/hold-lease.ts', import.meta.url),
    [queue.nats.url, queue.nats.seedFile('storer')],
    { stdio: 'inherit' },
  )
  stack.defer(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  })
  for (;;) {
    const [said] = (await once(child, 'message')) as [unknown]
    if (said === 'taken') continue
    assert.equal(said, true)
    return child
  }
}

// Side by side: what takes time here is the lease's life, not work.
describe('a lease', { concurrency: true }, () => {
  it('has one holder, and another one as soon as that gives it up', async () => {
    await using queue = await openRefreshQueue()
    await using stack = new AsyncDisposableStack()
    const { open } = await openReplicas(queue, stack)
    const [first, second] = [await open(), await open()]
    const held = await Promise.all([first.held(), second.held()])
    assert.deepEqual(held.toSorted(), [false, true])
    const [holder, other] = held[0] ? [first, second] : [second, first]
    assert.deepEqual([await holder.held(), await other.held()], [true, false])
    await holder[Symbol.asyncDispose]()
    assert.equal(await other.held(), true)
  })

  it('says that it is held only after what was to be done first is done, once, however many ask', async () => {
    await using queue = await openRefreshQueue()
    await using stack = new AsyncDisposableStack()
    const { open } = await openReplicas(queue, stack)
    const recovering = latch()
    const mayEnd = latch()
    const steps: string[] = []
    const lease = await open(async () => {
      steps.push('recovering')
      recovering.open()
      await mayEnd.opened
      steps.push('recovered')
    })
    const asked = [1, 2, 3].map(() => lease.held().then((held) => steps.push(`held ${held}`)))
    await recovering.opened
    await (await queue.nats.connect('storer')).nc.close()
    mayEnd.open()
    await Promise.all(asked)
    assert.deepEqual(steps, ['recovering', 'recovered', 'held true', 'held true', 'held true'])
  })

  it('is not said to be held when what was to be done first failed, and that is tried again', async () => {
    await using queue = await openRefreshQueue()
    await using stack = new AsyncDisposableStack()
    const { open } = await openReplicas(queue, stack)
    let tries = 0
    const lease = await open(async () => {
      if (++tries === 1) throw new Error('cannot recover')
    })
    await assert.rejects(lease.held(), /cannot recover/)
    assert.equal(await lease.held(), true)
    assert.equal(tries, 2)
  })

  it('is renewed beyond its life by a holder that lives', async () => {
    await using queue = await openRefreshQueue()
    await using stack = new AsyncDisposableStack()
    const { open } = await openReplicas(queue, stack)
    const [first, second] = [await open(), await open()]
    assert.equal(await first.held(), true)
    await sleep(leaseTtlMs * 1.5)
    assert.equal(await second.held(), false)
    assert.equal(await first.held(), true)
  })

  it('goes to another one when its holder was killed, but not at once', async () => {
    await using queue = await openRefreshQueue()
    await using stack = new AsyncDisposableStack()
    const child = await forkHolder(queue, stack)
    const { open } = await openReplicas(queue, stack)
    const lease = await open()
    child.kill('SIGKILL')
    await once(child, 'exit')
    assert.equal(await lease.held(), false)
    await eventually(() => lease.held(), 'a takeover')
  })

  it('is lost by a holder that slept: it finds out, and recovers first when it takes it again', async () => {
    await using queue = await openRefreshQueue()
    await using stack = new AsyncDisposableStack()
    const child = await forkHolder(queue, stack)
    const { open } = await openReplicas(queue, stack)
    const lease = await open()
    child.kill('SIGSTOP')
    await eventually(() => lease.held(), 'a takeover')
    child.kill('SIGCONT')
    const said: unknown[] = []
    child.on('message', (message) => said.push(message))
    child.send('held?')
    await eventually(async () => said.length === 1, 'an answer')
    assert.deepEqual(said, [false])
    await lease[Symbol.asyncDispose]()
    child.send('held?')
    await eventually(async () => said.length === 3, 'an answer')
    assert.deepEqual(said, [false, 'taken', true])
  })

  it('that vanished is taken anew: what was to be done first is done again', async () => {
    await using queue = await openRefreshQueue()
    await using stack = new AsyncDisposableStack()
    const { open } = await openReplicas(queue, stack)
    let taken = 0
    const lease = await open(async () => {
      taken++
    })
    assert.equal(await lease.held(), true)
    await (await queue.bus.bucket('leases')).delete('storer')
    assert.equal(await lease.held(), true)
    assert.equal(taken, 2)
  })
})
