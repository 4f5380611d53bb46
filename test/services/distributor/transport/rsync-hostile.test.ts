import assert from 'node:assert/strict'
import { chmodSync, chownSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Permanent } from '../../../../shared/contracts/errors.ts'
import { assertUndisclosed, baited, content, plants } from '../hostile.ts'
import { attacker, stickyDirectory, tokenFiles, victim } from './place-here.ts'
import { rsyncHere } from './rsync-here.ts'

const squatted = (path: string) => (error: Permanent) => {
  assert.ok(error instanceof Permanent, error.message)
  assert.equal(error.failure.code, 'destination-squatted', error.message)
  assert.match(error.message, new RegExp(`holds ${path} on`))
  return true
}

describe('pushing by rsync where somebody else was first', () => {
  for (const [what, plant] of Object.entries(plants))
    for (const [which, number] of Object.entries({ first: 0, second: 1 })) {
      it(`reports ${what} at the ${which} path, and follows nothing`, async (t) => {
        const directory = stickyDirectory(t)
        const files = tokenFiles(directory, content)
        const path = files[number]?.path ?? ''
        const bait = baited(directory)
        plant(path, bait)
        const before = lstatSync(path)
        await assert.rejects(rsyncHere(t).push(files), squatted(path))
        assert.deepEqual([lstatSync(path).ino, lstatSync(path).mode], [before.ino, before.mode])
        assert.equal(readFileSync(bait, 'utf8'), 'theirs\n')
        assertUndisclosed(directory)
        assert.deepEqual(
          readdirSync(directory).filter((name) => name.startsWith('.')),
          [],
        )
      })
    }
})

describe('pushing by rsync while somebody swaps files', () => {
  const asAttacker = `setpriv --reuid=${attacker} --regid=${attacker} --clear-groups --`
  const swaps: Record<string, (path: string, bait: string) => string> = {
    'a directory': (path) => `mkdir -m 777 ${path}`,
    'a symbolic link': (path, bait) => `ln -s ${bait} ${path}`,
    'a named pipe': (path) => `mkfifo -m 777 ${path}`,
    'a file of theirs': (path) => `sh -c 'echo theirs >${path}; chmod 777 ${path}'`,
  }
  for (const [what, swap] of Object.entries(swaps))
    it(`reports ${what} that appears just before the copy`, async (t) => {
      const directory = stickyDirectory(t)
      const files = tokenFiles(directory, content)
      const bait = baited(directory)
      const before = `[ $step != 2 ] || ${asAttacker} ${swap(files[0].path, bait)} || exit 99`
      await assert.rejects(rsyncHere(t, before).push(files), squatted(files[0].path))
      assert.equal(readFileSync(bait, 'utf8'), 'theirs\n')
      assertUndisclosed(directory)
    })

  it('says nothing good of what lies there at the look, where the directory lets them swap it', async (t) => {
    const directory = stickyDirectory(t)
    const [file] = tokenFiles(directory, content)
    const swap = `rm -f ${file.path}; echo theirs >${file.path}; chown ${attacker} ${file.path}; chmod 444 ${file.path}`
    await assert.rejects(rsyncHere(t, `if [ $step = 3 ]; then ${swap}; fi`).push([file]), squatted(file.path))
  })

  for (const [what, mode, owner] of [
    ['everybody may rename', 0o777, 0],
    ['a group may rename', 0o2775, victim],
    ['its owner may rename', 0o1777, attacker],
  ] as const)
    it(`writes nothing into a directory in which ${what}`, async (t) => {
      const directory = stickyDirectory(t)
      chownSync(directory, owner, owner)
      chmodSync(directory, mode)
      await assert.rejects(rsyncHere(t).push(tokenFiles(directory, content)), (error: Permanent) => {
        assert.equal(error.failure.code, 'destination-unsafe')
        return error instanceof Permanent
      })
      assert.deepEqual(readdirSync(directory), [])
    })

  it('cannot be told to leave half a file at its place', async (t) => {
    const directory = stickyDirectory(t)
    const [file] = tokenFiles(directory, 'n'.repeat(400_000))
    await rsyncHere(t).push([{ ...file, content: 'old' }])
    // The node's receiver is told to end when it has written a part of the file.
    const killer = `(until [ -s ${directory}/.vt_* ]; do sleep 0.05; done; kill $(ps -o pid= --ppid $pid | tail -1)) 2>/dev/null &`
    const before = `if [ $step = 2 ]; then pid=$$; ${killer} fi`
    const role = 'fileCopierOptionsOverride: --perms --chmod=u=r,go= --partial --bwlimit=200'
    await assert.rejects(rsyncHere(t, before, role).push([file]))
    assert.equal(readFileSync(file.path, 'utf8').length, 'old\n'.length)
  })

  it('cannot be told to write where a link leads', async (t) => {
    const directory = stickyDirectory(t)
    const [file] = tokenFiles(directory, content)
    const bait = baited(directory)
    const plant = plants['a symbolic link to a file of theirs']
    plant?.(file.path, bait)
    const role = 'fileCopierOptionsOverride: --perms --chmod=u=r,go= --inplace --copy-links --keep-dirlinks'
    await assert.rejects(rsyncHere(t, '', role).push([file]))
    assert.equal(readFileSync(bait, 'utf8'), 'theirs\n')
    assertUndisclosed(join(directory))
  })
})
