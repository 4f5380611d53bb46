import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { startBlackHole } from '../../../sandbox/black-hole.ts'
import { chooseLoopback, findFreePort } from '../../../sandbox/free-port.ts'
import { openAskNode } from '../../../services/distributor/ask-node.ts'
import { hasUnanswered, openIsConnecting } from '../../../services/distributor/connecting.ts'
import { probe } from '../../../services/distributor/probe.ts'
import { openReach } from '../../../services/distributor/reach.ts'
import type { SshTarget } from '../../../services/distributor/ssh-target.ts'
import { failure, RetryLater, Transient } from '../../../shared/errors.ts'
import type { ReasonCode } from '../../../shared/reasons.ts'
import { eventually } from '../../support/latch.ts'
import { entryOf } from '../build.ts'

const target = (port: number, host = '127.0.0.1', isProxied = false): SshTarget => ({
  ...{ host, port, isProxied, keyName: host, knownHosts: [], hasOtherKeys: false, keyExchanges: [] },
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
    assert.equal(await probe(target(port), 60_000), undefined)
  })
  it('is answered where sshd hangs up at once, as it does when it has too many connections', async (t) => {
    const { port } = await listen(t, (socket) => void socket.end())
    assert.equal(await probe(target(port), 60_000), undefined)
  })
  it('says that nobody listens', async (t) => {
    const { port, close } = await listen(t, greet)
    close()
    assert.equal(await probe(target(port), 60_000), 'connection-refused')
  })
  it('knows an open port from a node that speaks', async (t) => {
    const { port } = await listen(t, nothing)
    assert.equal(await probe(target(port), 200), 'node-unreachable')
  })
  it('says that a name is unknown', async () => {
    assert.equal(await probe(target(22, 'no-such-node.invalid'), 60_000), 'node-unknown')
  })
})

describe('a push to a node', () => {
  const entry = entryOf()
  const at = { entry, node: 'node1.lab.example', pingMs: 60_000 }
  const timing = { firstLookMs: 5, lookMs: 20 }
  const reachOf = (where: SshTarget) =>
    openReach({ askNode: openAskNode(async () => where), isConnecting: async () => false }, timing)

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
  it('gets in line again as soon as the node answers, its slot lent while it waited', async (t) => {
    const { port, asked } = await listen(t, greet)
    const reach = reachOf(target(port))
    await assert.rejects(reach.attempt(at, () => Promise.reject(failed('push-timeout')), waiter(t)))
    const waiting = waiter(t)
    await assert.rejects(
      reach.attempt(at, async () => 'done', waiting),
      RetryLater,
    )
    assert.equal(waiting.lendSlot.mock.callCount(), 1)
    assert.equal(await reach.attempt(at, async () => 'done', waiter(t)), 'done')
    assert.equal(asked(), 1)
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
  const connecting = (isConnecting: () => boolean, answer?: ReasonCode) =>
    openReach({ askNode: async () => answer, isConnecting: async () => isConnecting() }, timing)

  it('lends its slot once while nobody takes its connection, and is ended when that lasts', async (t) => {
    const waiting = waiter(t)
    const reach = connecting(() => true, 'node-unreachable')
    await assert.rejects(reach.attempt({ ...at, pingMs: 100 }, hanging, waiting), is('node-unreachable'))
    assert.equal(waiting.lendSlot.mock.callCount(), 1)
  })
  it('goes on when its connection is taken late', async (t) => {
    const waiting = waiter(t)
    let looks = 0
    const taken = Promise.withResolvers<string>()
    const reach = connecting(() => {
      looks += 1
      if (looks === 5) taken.resolve('done')
      return looks < 3
    })
    assert.equal(await reach.attempt(at, () => taken.promise, waiting), 'done')
    assert.equal(waiting.lendSlot.mock.callCount(), 1)
  })
  it('keeps its slot while it works, however long', async (t) => {
    const waiting = waiter(t)
    let looks = 0
    const worked = Promise.withResolvers<string>()
    const reach = connecting(() => {
      looks += 1
      if (looks === 6) worked.resolve('done')
      return false
    })
    assert.equal(await reach.attempt(at, () => worked.promise, waiting), 'done')
    assert.equal(waiting.lendSlot.mock.callCount(), 0)
  })
  it('is not judged by a probe where ssh goes through another host', async (t) => {
    const reach = reachOf(target(1, '127.0.0.1', true))
    await assert.rejects(reach.attempt(at, () => Promise.reject(failed('node-unreachable')), waiter(t)))
    await assert.rejects(
      reach.attempt(at, async () => 'done', waiter(t)),
      RetryLater,
    )
    assert.equal(await reach.attempt(at, async () => 'done', waiter(t)), 'done')
  })
})

describe('a connection that nobody takes', () => {
  const line = (remote: string, state: string) =>
    `   0: 0100007F:A1B2 ${remote} ${state} 00000001:00000000 01:00000064 00000002     0        0 0 2 0\n`
  const table: Record<string, [string, string, number, boolean]> = {
    'begun to this node': [line('0A00020A:0016', '02'), '10.2.0.10', 22, true],
    'taken by this node': [line('0A00020A:0016', '01'), '10.2.0.10', 22, false],
    'begun to another port': [line('0A00020A:0016', '02'), '10.2.0.10', 2222, false],
    'begun to another node': [line('0B00020A:0016', '02'), '10.2.0.10', 22, false],
    'begun to a node’s IPv6 address': [
      line('B80D0120000000000000000001000000:0016', '02'),
      '2001:db8::1',
      22,
      true,
    ],
    'begun to an IPv4 address inside an IPv6 one': [
      line('0000000000000000FFFF00000A00020A:0016', '02'),
      '10.2.0.10',
      22,
      true,
    ],
  }
  for (const [what, [text, address, port, expected]] of Object.entries(table))
    it(`is ${expected ? '' : 'not '}one ${what}`, () =>
      assert.equal(hasUnanswered(text, address, port), expected))

  it('is seen in this machine’s own table', async (t) => {
    const address = chooseLoopback()(0)
    const port = await findFreePort(address)
    await using _ = await startBlackHole({ address, port })
    const isConnecting = openIsConnecting(async () => target(port, address))
    assert.equal(await isConnecting(entryOf(), 'node1'), false)
    const socket = connect({ host: address, port }).on('error', () => undefined)
    t.after(() => socket.destroy())
    await eventually(() => isConnecting(entryOf(), 'node1'), 'the connection is begun')
  })
})
