/** Stores in their lanes under the locks of the host: what somebody else holds keeps out what it concerns, and nothing else. */
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
import { openStaging } from '../../../../services/storer/private-run/stage.ts'
import type { Entry } from '../../../../shared/config/site.ts'
import { RetryLater } from '../../../../shared/contracts/errors.ts'
import { entryOf, siteOf } from '../../build.ts'

/** How long somebody else is waited for, which is also how long a storer may take. */
const patienceMs = 3_000
const silent = pino({ level: 'silent' })
const dune = entryOf()
const nova: Entry = { ...dune, service: 'nova_production', account: 'novapro' }
const ofDunesAccount: Entry = { ...dune, service: 'dune_analysis' }

describe('a store in its lane', () => {
  async function place(t: TestContext, lanes: number) {
    const directory = mkdtempSync(join(tmpdir(), 'mt-in-lane-'))
    t.after(() => rmSync(directory, { recursive: true, force: true }))
    const lockFile = join(directory, 'lock')
    await prepareLocks(lockFile)
    const program = join(directory, 'condor_vault_storer')
    const deps = {
      ...{ lockFile, lanes: openExclusiveQueue(() => lanes) },
      lease: { held: async () => true, [Symbol.asyncDispose]: async () => {} },
    }
    writeFileSync(program, '#!/bin/sh\n: >"$HOME/../../ran-$2-$_condor_CREDD_HOST"\n')
    chmodSync(program, 0o755)
    const site = siteOf()
    const staging = openStaging(join(directory, 'runs'))
    const store = async (entry: Entry, credd: string, vaultStorerMs = 60_000) => {
      await using stage = await staging.stage({ ...entry, vaultTokenRoot: directory }, credd)
      const run: StorerRun = {
        ...{ entry, credd, stage, vaultServer: 'vault.lab.example', ccache: '/nowhere' },
        site: {
          ...site,
          storer: { ...site.storer, condorVaultStorer: program },
          timeouts: { ...site.timeouts, vaultStorerMs },
        },
        signal: t.signal,
      }
      await runInLane(run, silent, deps)
      return existsSync(join(directory, `ran-${entry.service}-${credd}`))
    }
    /** What a killed daemon has left: a command that holds the locks of its store until its input ends. */
    const orphanOf = async (entry: Entry, credd: string, lane: number) => {
      const [file = '', ...words] = underLocks(locksOf(lockFile, entry, credd, lane))
      const orphan = spawn(file, [...words, 'sh', '-c', 'echo held; exec cat'])
      t.after(() => orphan.stdin.end())
      await once(orphan.stdout, 'data')
      return async () => {
        orphan.stdin.end()
        await once(orphan, 'exit')
      }
    }
    return { lockFile, store, orphanOf }
  }

  const isLockedBy =
    (file: string) =>
    (error: unknown): boolean =>
      error instanceof RetryLater && error.failure?.code === 'storer-locked' && error.message.includes(file)

  it('is kept out by an orphan of the same service, for whatever credd, and others are not', async (t) => {
    const { store, orphanOf } = await place(t, 4)
    await orphanOf(dune, 'credd1', 2)
    assert.ok(await store(nova, 'credd1'))
    assert.ok(await store(ofDunesAccount, 'credd2'))
    await assert.rejects(store(dune, 'credd2', patienceMs), isLockedBy('service-dune_production'))
  })

  it('is kept out by an orphan of the same account in the same credd', async (t) => {
    const { store, orphanOf } = await place(t, 4)
    await orphanOf(dune, 'credd1', 2)
    await assert.rejects(store(ofDunesAccount, 'credd1', patienceMs), isLockedBy('credd-credd1-dunepro'))
  })

  it('goes on when the orphan has ended', async (t) => {
    const { store, orphanOf } = await place(t, 4)
    const end = await orphanOf(dune, 'credd1', 1)
    const stored = store(dune, 'credd1')
    await end()
    assert.ok(await stored)
  })

  it('takes another lane where somebody else has one of them', async (t) => {
    const { store, orphanOf } = await place(t, 2)
    await orphanOf(ofDunesAccount, 'credd9', 1)
    assert.ok(await store(nova, 'credd1'))
  })

  it('waits at one lane for whoever has the lock file, as ever', async (t) => {
    const { lockFile, store, orphanOf } = await place(t, 1)
    await orphanOf(ofDunesAccount, 'credd9', 1)
    await assert.rejects(store(nova, 'credd1', patienceMs), isLockedBy(lockFile))
  })
})
