/** What a store in its lane may do, and when: the lease first, then the locks, then the names that it shares with others. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { pino } from 'pino'
import type { StorerRun } from '../../../../services/storer/condor/storer-run.ts'
import { openExclusiveQueue } from '../../../../services/storer/exclusive/exclusive-queue.ts'
import { runInLane } from '../../../../services/storer/exclusive/in-lane.ts'
import { locksOf, prepareLocks, underLocks } from '../../../../services/storer/exclusive/locks.ts'
import { RetryLater, Transient } from '../../../../shared/contracts/errors.ts'
import { entryOf, siteOf } from '../../build.ts'

async function place(t: TestContext, { hasOwnNames = true, body = ': >"$HOME/ran"' } = {}) {
  const home = mkdtempSync(join(tmpdir(), 'mt-lane-'))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  const lockFile = join(home, 'lock')
  await prepareLocks(lockFile)
  const program = join(home, 'condor_vault_storer')
  writeFileSync(program, `#!/bin/sh\n${body}\n`)
  chmodSync(program, 0o755)
  const steps: string[] = []
  const lines: { msg: string; lockFile?: string }[] = []
  const log = pino({}, { write: (line) => void lines.push(JSON.parse(line)) })
  const ran = () => existsSync(join(home, 'ran'))
  const stage = {
    ...{ id: 'mt1', home, bearerFile: join(home, 'bt'), hasOwnNames },
    enter: async () => void steps.push(`enter ${ran()}`),
    leave: async (endedWell: boolean) => void steps.push(`leave ${endedWell}`),
    discard: async () => {},
  } as unknown as StorerRun['stage']
  const site = siteOf()
  const store = (held: () => Promise<boolean>, vaultStorerMs = 20_000) =>
    runInLane(
      {
        ...{ entry: entryOf(), credd: 'credd1', stage, vaultServer: 'vault.lab.example', ccache: '/nowhere' },
        site: {
          ...site,
          storer: { ...site.storer, condorVaultStorer: program },
          timeouts: { ...site.timeouts, vaultStorerMs },
        },
        signal: t.signal,
      },
      log,
      {
        ...{ lockFile, lanes: openExclusiveQueue() },
        lease: { held, [Symbol.asyncDispose]: async () => {} },
      },
    )
  /** Somebody who holds the lock of this lane. */
  const occupy = async () => {
    const [file = '', ...words] = underLocks(locksOf(lockFile, entryOf(), 'another', 1).slice(2))
    const holder = spawn(file, [...words, 'sh', '-c', 'echo held; exec cat'])
    t.after(() => holder.stdin.end())
    await once(holder.stdout, 'data')
    return () => holder.stdin.end()
  }
  return { store, steps, lines, ran, occupy, lockFile }
}
const held = async () => true

describe('a store in its lane', () => {
  it('runs with the lease alone, and comes again soon without it, or where nobody can say', async (t) => {
    const { store, ran } = await place(t)
    for (const no of [async () => false, () => Promise.reject(new Error('away'))])
      await assert.rejects(
        store(no),
        (error) => error instanceof RetryLater && error.delayMs === 1_000 && !error.failure,
      )
    assert.equal(ran(), false)
    await store(held)
    assert.equal(ran(), true)
  })

  it('touches shared names only when it holds all its locks, and says how it ended', async (t) => {
    const { store, steps, ran } = await place(t, { hasOwnNames: false })
    await store(held)
    assert.deepEqual([steps, ran()], [['enter false', 'leave true'], true])
  })

  it('leaves shared names as it found them where it failed, and says that it did', async (t) => {
    const { store, steps } = await place(t, { hasOwnNames: false, body: 'exit 1' })
    await assert.rejects(store(held), Transient)
    assert.deepEqual(steps, ['enter false', 'leave false'])
  })

  it('touches no shared name while somebody else holds a lock, and none at all with names of its own', async (t) => {
    const shared = await place(t, { hasOwnNames: false })
    await shared.occupy()
    await assert.rejects(shared.store(held, 1), RetryLater)
    const own = await place(t)
    await own.store(held)
    assert.deepEqual([shared.steps, shared.ran(), own.steps], [[], false, []])
  })

  it('waits for whoever has its lock, says so once, and goes on when that has ended', async (t) => {
    const { store, lines, ran, occupy, lockFile } = await place(t)
    const end = await occupy()
    let looks = 0
    await store(async () => {
      if (++looks === 3) end()
      return true
    })
    assert.equal(ran(), true)
    assert.deepEqual(
      lines.map(({ msg, lockFile }) => [msg, lockFile]),
      [['another storer runs on this host: waiting for it', lockFile]],
    )
  })

  it('is told of where somebody has its lock for longer than a store may take, and comes again soon', async (t) => {
    const { store, occupy, lockFile } = await place(t, { hasOwnNames: false })
    await occupy()
    await assert.rejects(store(held, 1), (error) => {
      assert.ok(error instanceof RetryLater)
      assert.deepEqual([error.delayMs, error.failure?.code], [1_000, 'storer-locked'])
      const where = `somebody has held ${lockFile} on this host for 0 s`
      assert.equal(error.message, `No vault token of dune_production in credd1: ${where}.`)
      return true
    })
  })
})
