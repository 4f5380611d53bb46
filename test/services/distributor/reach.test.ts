import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { openAskNode } from '../../../services/distributor/ask-node.ts'
import { probe } from '../../../services/distributor/probe.ts'
import { openReach } from '../../../services/distributor/reach.ts'
import type { SshTarget } from '../../../services/distributor/ssh-target.ts'
import { failure, type ReasonCode, RetryLater, Transient } from '../../../shared/errors.ts'
import { entryOf } from '../build.ts'

const target = (port: number, host = '127.0.0.1', isProxied = false): SshTarget => ({
  ...{ host, port, isProxied, keyName: host, knownHosts: [] },
})

/** A port where somebody does this with each connection; `asked` counts them. */
async function listen(t: TestContext, welcome: (socket: Socket) => void) {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined))
    welcome(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  t.after(close)
  return { port: (server.address() as { port: number }).port, asked: () => sockets.length, close }
}
const greet = (socket: Socket) => void socket.write('SSH-2.0-Test\r\n')
const nothing = () => undefined

const failed = (code: ReasonCode) => new Transient(failure(code, 'x'))
const is = (code: ReasonCode) => (error: Transient) =>
  error instanceof Transient && error.failure.code === code
const waiter = (t: TestContext) => ({ signal: t.signal, lendSlot: t.mock.fn() })

describe('a probe', () => {
  it('is answered where sshd greets', async (t) => {
    const { port } = await listen(t, greet)
    const asked = probe(target(port), 5_000)
    assert.deepEqual([await asked.connected, await asked.greeted], [undefined, undefined])
  })
  it('is answered where sshd hangs up at once, as it does when it has too many connections', async (t) => {
    const { port } = await listen(t, (socket) => void socket.end())
    assert.equal(await probe(target(port), 5_000).greeted, undefined)
  })
  it('says that nobody listens', async (t) => {
    const { port, close } = await listen(t, greet)
    close()
    const asked = probe(target(port), 5_000)
    assert.deepEqual(
      [await asked.connected, await asked.greeted],
      ['connection-refused', 'connection-refused'],
    )
  })
  it('knows an open port from a node that speaks', async (t) => {
    const { port } = await listen(t, nothing)
    const asked = probe(target(port), 200)
    assert.deepEqual([await asked.connected, await asked.greeted], [undefined, 'node-unreachable'])
  })
  it('says that a name is unknown', async () => {
    assert.equal(await probe(target(22, 'no-such-node.invalid'), 5_000).greeted, 'node-unknown')
  })
})

describe('a push to a node', () => {
  const entry = entryOf()
  const at = { entry, node: 'node1.lab.example', pingMs: 500 }
  const reachOf = (where: SshTarget, slowMs = 60_000) =>
    openReach(
      openAskNode(async () => where),
      { slowMs, connectMs: 50, greetMs: 100 },
    )

  it('is not preceded by a probe', async (t) => {
    const { port, asked } = await listen(t, greet)
    assert.equal(await reachOf(target(port)).attempt(at, async () => 'done', waiter(t)), 'done')
    assert.equal(asked(), 0)
  })
  it('is preceded by one after a failure to reach the node, and is not begun while nobody answers', async (t) => {
    const { port, close } = await listen(t, greet)
    close()
    const reach = reachOf(target(port))
    const push = t.mock.fn(async () => {
      throw failed('node-unreachable')
    })
    await assert.rejects(reach.attempt(at, push, waiter(t)), is('node-unreachable'))
    await assert.rejects(reach.attempt(at, push, waiter(t)), is('connection-refused'))
    assert.equal(push.mock.callCount(), 1)
  })
  it('is begun as soon as the node answers again', async (t) => {
    const { port } = await listen(t, greet)
    const reach = reachOf(target(port))
    await assert.rejects(reach.attempt(at, () => Promise.reject(failed('push-timeout')), waiter(t)))
    assert.equal(await reach.attempt(at, async () => 'done', waiter(t)), 'done')
  })
  it('lends its slot to another while it waits for the answer, and comes again when that is late', async (t) => {
    const { port } = await listen(t, (socket) => void setTimeout(() => greet(socket), 200))
    const reach = reachOf(target(port))
    await assert.rejects(reach.attempt(at, () => Promise.reject(failed('push-timeout')), waiter(t)))
    const late = waiter(t)
    await assert.rejects(
      reach.attempt(at, async () => 'done', late),
      RetryLater,
    )
    assert.equal(late.lendSlot.mock.callCount(), 1)
    assert.equal(await reach.attempt(at, async () => 'done', waiter(t)), 'done')
  })
  it('is not held up by a probe after a failure of another kind', async (t) => {
    const { port, asked } = await listen(t, greet)
    const reach = reachOf(target(port))
    await assert.rejects(reach.attempt(at, () => Promise.reject(failed('disk-full')), waiter(t)))
    await reach.attempt(at, async () => 'done', waiter(t))
    assert.equal(asked(), 0)
  })

  /** Runs until it is aborted. */
  const hanging = (signal: AbortSignal) =>
    new Promise<never>((_resolve, reject) =>
      signal.addEventListener('abort', () => reject(failed('push-failed'))),
    )
  it('is ended when it is slow and its node cannot be reached, its slot lent meanwhile', async (t) => {
    const waiting = waiter(t)
    const reach = openReach(
      async () => ({ connected: late('node-unreachable', 200), greeted: late('node-unreachable', 200) }),
      { slowMs: 1, connectMs: 50, greetMs: 100 },
    )
    await assert.rejects(reach.attempt(at, hanging, waiting), is('node-unreachable'))
    assert.ok(waiting.lendSlot.mock.callCount() > 0)
  })
  it('goes on when it is slow and its node answers, its slot its own', async (t) => {
    const { port, asked } = await listen(t, greet)
    const waiting = waiter(t)
    const reach = reachOf(target(port), 1)
    const slow = async () => {
      while (asked() === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      return 'done'
    }
    assert.equal(await reach.attempt(at, slow, waiting), 'done')
    assert.equal(waiting.lendSlot.mock.callCount(), 0)
  })
  it('goes on when the node refuses new connections: it has one', async (t) => {
    const { port, close } = await listen(t, greet)
    close()
    let looked = false
    const reach = openReach(
      async () => {
        looked = true
        return probe(target(port), 500)
      },
      { slowMs: 1 },
    )
    const slow = async (signal: AbortSignal) => {
      while (!looked) await new Promise((resolve) => setTimeout(resolve, 5))
      await new Promise((resolve) => setTimeout(resolve, 100))
      return signal.aborted
    }
    assert.equal(await reach.attempt(at, slow, waiter(t)), false)
  })
  it('is not judged by a probe where ssh goes through another host', async (t) => {
    const reach = openReach(
      openAskNode(async () => target(1, '127.0.0.1', true)),
      { slowMs: 60_000 },
    )
    await assert.rejects(reach.attempt(at, () => Promise.reject(failed('node-unreachable')), waiter(t)))
    assert.equal(await reach.attempt(at, async () => 'done', waiter(t)), 'done')
  })
})

const late = <T>(value: T, ms: number) =>
  new Promise<T>((resolve) => {
    setTimeout(() => resolve(value), ms)
  })
