import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { connect } from 'node:net'
import { it } from 'node:test'
import { startSite } from '../../sandbox/site.ts'
import { makeTemporaryDirectory } from './site-support.ts'

it('a node that is a black hole answers no connection, beside others that do, and is gone with its site', async () => {
  const dir = makeTemporaryDirectory()
  const site = await startSite({ dir, faults: { 'node-black-hole': ['dunegpvm01'] } })
  const sayOf = (node: string, patienceSeconds: number) =>
    spawnSync('ssh', [
      ...['-F', site.layout.sshConfig, '-o', 'BatchMode=yes', '-o', `ConnectTimeout=${patienceSeconds}`],
      ...['-l', 'dunepro', node],
    ]).stderr.toString()
  assert.match(sayOf('dunegpvm01.sandbox.test', 1), /Connection timed out/)
  assert.match(sayOf('mu2egpvm01.sandbox.test', 60), /Permission denied/)
  await site[Symbol.asyncDispose]()

  const hole = site.nodes.find(({ name }) => name === 'dunegpvm01.sandbox.test')
  const [error] = await once(connect(hole?.port ?? 0, hole?.address), 'error')
  assert.equal(error.code, 'ECONNREFUSED')
  rmSync(dir, { recursive: true })
})
