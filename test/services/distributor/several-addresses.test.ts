import assert from 'node:assert/strict'
import dns from 'node:dns'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { startBlackHole } from '../../../sandbox/black-hole.ts'
import { chooseLoopback, findFreePort } from '../../../sandbox/free-port.ts'
import { hasUnanswered } from '../../../services/distributor/connecting.ts'
import { probe } from '../../../services/distributor/probe.ts'
import { openReach } from '../../../services/distributor/reach.ts'
import { pushBySsh } from '../../../services/distributor/ssh.ts'
import { Transient } from '../../../shared/errors.ts'
import { eventually } from '../../support/latch.ts'
import { entryOf } from '../build.ts'
import { tokenFiles } from './place-here.ts'

const loopback = chooseLoopback()
const [first, second] = [loopback(1), loopback(2)]

/** This process finds the name at both addresses, in this order. */
function resolveToBoth(t: TestContext): void {
  const addresses = [first, second].map((address) => ({ address, family: 4 }))
  t.mock.method(dns, 'lookup', (_name: string, _options: object, done: (...found: unknown[]) => void) =>
    done(null, addresses),
  )
}

/** Somebody who does this with each connection. */
async function listen(t: TestContext, address: string, port: number, welcome: (socket: Socket) => void) {
  const server = createServer((socket) => welcome(socket.on('error', () => undefined)))
  server.listen(port, address)
  await once(server, 'listening')
  t.after(() => server.close())
}

const isBegun = (port: number) => hasUnanswered(readFileSync('/proc/net/tcp', 'utf8'), first, port)

describe('a node with several addresses, of which one is dead', () => {
  it('answers a probe by the other', async (t) => {
    const port = await findFreePort(first)
    await using _ = await startBlackHole({ address: first, port })
    await listen(t, second, port, (socket) => socket.end('SSH-2.0-Test\r\n'))
    resolveToBoth(t)
    assert.equal(await probe({ host: 'node1.lab.example', port }, 12_000), undefined)
  })

  it('answers a probe also where the good one is far away', async (t) => {
    const port = await findFreePort(first)
    await using far = await startSlowListener(port)
    resolveToBoth(t)
    const asked = probe({ host: 'node1.lab.example', port }, 60_000)
    await eventually(async () => isBegun(port), 'the probe has begun to connect')
    // More than Node by itself would give an address.
    await sleep(500)
    far.accept()
    assert.equal(await asked, undefined)
  })

  it('gets its push, although nobody takes the connection to the first', async (t) => {
    const port = await findFreePort(first)
    await using _ = await startBlackHole({ address: first, port })
    // As sshd does that has too many connections: by that it is known again.
    await listen(t, second, port, (socket) => socket.end())
    const entry = { ...entryOf(), sshOptions: ['-p', String(port), '-o', 'ConnectTimeout=3'] }
    const node = 'node1.lab.example'
    const means = {
      ssh: sshWithHosts(t, `${first} ${node}\n${second} ${node}\n`),
      ...{ rsync: 'rsync', ccache: '/nowhere', staging: '/nowhere', timeoutMs: 60_000 },
    }
    let looks = 0
    const isConnecting = async () => {
      const begun = isBegun(port)
      if (begun) looks += 1
      return begun
    }
    const reach = openReach({ askNode: async () => undefined, isConnecting }, { firstLookMs: 5, lookMs: 20 })
    const push = (signal: AbortSignal) =>
      pushBySsh({ entry, node, uid: 61_234, files: tokenFiles('/tmp') }, { ...means, signal })
    const waiter = { signal: t.signal, lendSlot: () => undefined }
    await assert.rejects(reach.attempt({ entry, node, pingMs: 200 }, push, waiter), (error) => {
      assert.ok(error instanceof Transient)
      assert.equal(error.failure.code, 'connection-dropped', error.message)
      return true
    })
    assert.ok(looks > 0, 'ssh came to the dead address first')
  })
})

/** At the first address: takes no connection before `accept`, and then greets. */
async function startSlowListener(port: number): Promise<AsyncDisposable & { accept(): void }> {
  const woken = new Int32Array(new SharedArrayBuffer(4))
  const program = `
    const { parentPort, workerData: { host, port, woken } } = require('node:worker_threads')
    const server = require('node:net').createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-Test\\r\\n'))
    server.listen({ host, port, backlog: 1 }, () => {
      parentPort.postMessage('listening')
      Atomics.wait(woken, 0, 0)
    })`
  const worker = new Worker(program, { eval: true, workerData: { host: first, port, woken } })
  await once(worker, 'message')
  // Fill its queue: the next one's SYN is dropped.
  const fillers = [1, 2].map(() => connect(port, first).on('error', () => undefined))
  await Promise.all(fillers.map((filler) => once(filler, 'connect')))
  return {
    accept() {
      Atomics.store(woken, 0, 1)
      Atomics.notify(woken, 0)
    },
    async [Symbol.asyncDispose]() {
      await worker.terminate()
      for (const filler of fillers) filler.destroy()
    },
  }
}

/** A program that is ssh on a machine with this /etc/hosts. */
function sshWithHosts(t: TestContext, hosts: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'mt-hosts-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  writeFileSync(join(directory, 'hosts'), hosts)
  const program = join(directory, 'ssh')
  const mount = `mount --bind ${directory}/hosts /etc/hosts`
  writeFileSync(program, `#!/bin/sh\nexec unshare -m sh -c '${mount}; exec ssh "$@"' ssh "$@"\n`)
  chmodSync(program, 0o755)
  return program
}
