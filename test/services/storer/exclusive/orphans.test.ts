/** Processes that a killed daemon left behind are known by a variable that nobody else has. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, it, type TestContext } from 'node:test'
import { killProcessesWith } from '../../../../services/storer/exclusive/orphans.ts'

const id = `mt-orphans-${process.pid}`

async function start(t: TestContext, env: Record<string, string>) {
  const child = spawn('/bin/sh', ['-c', 'echo up; exec cat'], { env })
  t.after(() => child.stdin.end())
  await once(child.stdout, 'data')
  return child
}

describe('processes with a variable in their environment', () => {
  it('are killed, wherever in it that stands, and no others', async (t) => {
    const mine = await Promise.all([
      start(t, { ORPHAN: id }),
      start(t, { A: '1', ORPHAN: id, Z: '2' }),
      start(t, { A: '1', ORPHAN: id }),
    ])
    const others = await Promise.all([
      start(t, { ORPHAN: `${id}x` }),
      start(t, { XORPHAN: id }),
      start(t, { OTHER: `ORPHAN=${id}` }),
      start(t, {}),
    ])
    const ends = mine.map((child) => once(child, 'exit'))
    assert.equal(await killProcessesWith(`ORPHAN=${id}`), 3)
    for (const end of ends) assert.deepEqual(await end, [null, 'SIGKILL'])
    for (const child of others) {
      assert.equal(child.exitCode ?? child.signalCode, null)
      const ended = once(child, 'exit')
      child.stdin.end()
      assert.deepEqual(await ended, [0, null])
    }
    assert.equal(await killProcessesWith(`ORPHAN=${id}`), 0)
  })
})
