import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { startBlackHole } from '../../../../sandbox/black-hole.ts'
import { chooseLoopback, findFreePort } from '../../../../sandbox/free-port.ts'
import { pushBySsh } from '../../../../services/distributor/transport/ssh.ts'
import { Transient } from '../../../../shared/contracts/errors.ts'
import { entryOf } from '../../build.ts'
import { tokenFiles } from '../transport/place-here.ts'

const loopback = chooseLoopback()
const [first, second] = [loopback(1), loopback(2)]

/** Somebody who does this with each connection. */
async function listen(t: TestContext, address: string, port: number, welcome: (socket: Socket) => void) {
  const server = createServer((socket) => welcome(socket.on('error', () => undefined)))
  server.listen(port, address)
  await once(server, 'listening')
  t.after(() => server.close())
}

/** A push to the name, with a second for each address; rejects with the reason. */
async function push(t: TestContext, port: number): Promise<string> {
  const node = 'node1.lab.example'
  const entry = { ...entryOf(), sshOptions: ['-p', String(port)] }
  const means = {
    ssh: sshWithHosts(t, `${first} ${node}\n${second} ${node}\n`),
    ...{ rsync: 'rsync', ccache: '/nowhere', staging: '/nowhere', timeoutMs: 60_000, connectMs: 1_000 },
    signal: t.signal,
  }
  const failed = await pushBySsh({ entry, node, uid: 61_234, files: tokenFiles('/tmp') }, means).catch(
    (error: Error) => error,
  )
  assert.ok(failed instanceof Transient)
  return failed.failure.code
}

describe('a node with several addresses, of which one is dead', () => {
  it('gets its push, although nobody takes the connection to the first', async (t) => {
    const port = await findFreePort(first)
    await using _ = await startBlackHole({ address: first, port })
    // As sshd does that has too many connections: by that it is known again.
    await listen(t, second, port, (socket) => socket.end())
    assert.equal(await push(t, port), 'connection-dropped')
  })

  it('is away where the other one is dead too', async (t) => {
    const port = await findFreePort(first)
    await using _ = await startBlackHole({ address: first, port })
    await using __ = await startBlackHole({ address: second, port })
    assert.equal(await push(t, port), 'node-unreachable')
  })
})

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
