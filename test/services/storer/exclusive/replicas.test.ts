/** The storers of a host user know each other by a list, which is believed only as far as the disk agrees. */
import assert from 'node:assert/strict'
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { joinReplicas } from '../../../../services/storer/exclusive/replicas.ts'

function place(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), 'mt-replicas-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const directoryOf = (name: string) => {
    mkdirSync(join(root, name), { recursive: true })
    return join(root, name)
  }
  const lockFile = join(root, 'lock')
  return { root, lockFile, list: `${lockFile}.replicas`, directoryOf }
}

describe('the storers of a host user', () => {
  it('are those that have joined, each once, whoever asks and however often it started', async (t) => {
    const { lockFile, list, directoryOf } = place(t)
    const [one, two] = [directoryOf('one'), directoryOf('two')]
    const first = await joinReplicas(lockFile, one)
    const second = await joinReplicas(lockFile, two)
    await joinReplicas(lockFile, one)
    assert.deepEqual(await first(), [one, two])
    assert.deepEqual(await second(), [two, one])
    assert.equal(readFileSync(list, 'utf8'), `${one}\n${two}\n`)
    assert.equal(lstatSync(list).mode & 0o777, 0o600)
  })
  it('are those alone whose directory is still there, and is one', async (t) => {
    const { root, lockFile, list, directoryOf } = place(t)
    const mine = directoryOf('mine')
    writeFileSync(join(root, 'file'), '')
    symlinkSync(mine, join(root, 'link'))
    writeFileSync(list, `\n${join(root, 'gone')}\n${join(root, 'file')}\n${join(root, 'link')}\n`)
    assert.deepEqual(await (await joinReplicas(lockFile, mine))(), [mine])
  })
  it('are this one at least where somebody has taken the list away', async (t) => {
    const { lockFile, list, directoryOf } = place(t)
    const mine = directoryOf('mine')
    const read = await joinReplicas(lockFile, mine)
    rmSync(list)
    assert.deepEqual(await read(), [mine])
  })
  it('are none of another user’s', async (t) => {
    const { lockFile, directoryOf } = place(t)
    const mine = directoryOf('mine')
    const read = await joinReplicas(lockFile, mine)
    const { getuid } = process
    t.after(() => Object.assign(process, { getuid }))
    Object.assign(process, { getuid: () => (getuid?.() ?? 0) + 1 })
    assert.deepEqual(await read(), [])
  })
})
