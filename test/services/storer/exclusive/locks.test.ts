/** The locks of a store: which there are, in which order, and what a busy one says. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import {
  LockHeld,
  locksOf,
  mustBeUnlocked,
  mustHaveRun,
  prepareLocks,
  underLocks,
} from '../../../../services/storer/exclusive/locks.ts'
import { entryOf } from '../../build.ts'

const locks = (lane: number, lockFile = '/srv/lock') => locksOf(lockFile, entryOf(), 'credd1', lane)

describe('the locks of a store', () => {
  it('are those of its service, of its account in the credd, and of its lane, which comes last', () => {
    assert.deepEqual(locks(1), [
      { file: '/srv/lock.d/service-dune_production', busy: 76 },
      { file: '/srv/lock.d/credd-credd1-dunepro', busy: 77 },
      { file: '/srv/lock', busy: 75 },
    ])
    assert.deepEqual(locks(2)[2], { file: '/srv/lock.d/lane-2', busy: 75 })
  })
  it('are taken one after the other, never waited for, by the command that becomes the store', () => {
    assert.deepEqual(underLocks(locks(1).slice(1)), [
      ...['flock', '--no-fork', '-n', '-E', '77', '/srv/lock.d/credd-credd1-dunepro'],
      ...['flock', '--no-fork', '-n', '-E', '75', '/srv/lock'],
    ])
  })
  it('are told from what the command itself says', () => {
    const output = { stdout: '', stderr: '' }
    for (const [exitCode, file] of [
      [76, '/srv/lock.d/service-dune_production'],
      [77, '/srv/lock.d/credd-credd1-dunepro'],
      [75, '/srv/lock'],
    ] as const)
      assert.throws(
        () => mustHaveRun({ kind: 'exited', exitCode, ...output }, locks(1)),
        (error) =>
          error instanceof LockHeld &&
          error.name === 'LockHeld' &&
          error.file === file &&
          error.message === `${file} is held elsewhere`,
      )
    for (const exitCode of [0, 1, 74, 78]) mustHaveRun({ kind: 'exited', exitCode, ...output }, locks(1))
    mustHaveRun({ kind: 'missing', reason: 'not found', ...output }, locks(1))
  })
  it('lie in directories that nobody else can enter, and are free where nobody holds one', async (t) => {
    const root = mkdtempSync(join(tmpdir(), 'mt-locks-'))
    t.after(() => rmSync(root, { recursive: true, force: true }))
    const lockFile = join(root, 'deep', 'er', 'lock')
    await prepareLocks(lockFile)
    await prepareLocks(lockFile)
    for (const directory of [join(root, 'deep', 'er'), `${lockFile}.d`])
      assert.equal(statSync(directory).mode & 0o777, 0o700, directory)
    await mustBeUnlocked(locks(2, lockFile), t.signal)
    assert.ok(existsSync(join(`${lockFile}.d`, 'lane-2')))
  })
})
