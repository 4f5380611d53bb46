import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { fromCurveSeed } from '@nats-io/nkeys'
import { ensureNatsKeys, ensureSealingKeys } from '../../../cli/up/credentials.ts'
import { natsUsers } from '../../../shared/bus/permissions.ts'
import { sealingPublicKeyFile, sealingSeedFile, seedFile } from '../../../shared/daemon/state.ts'

describe('keys of a private bus', () => {
  let root: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'mt-keys-'))
  })
  afterEach(() => rm(root, { recursive: true, force: true }))

  it('only their owner can read them', async () => {
    await ensureNatsKeys(root)
    await ensureSealingKeys(root)
    for (const user of natsUsers) {
      assert.equal((await stat(seedFile(root, user))).mode & 0o777, 0o600)
      assert.equal((await stat(join(root, user))).mode & 0o777, 0o700)
    }
    assert.equal((await stat(sealingSeedFile(root))).mode & 0o777, 0o600)
  })

  it('a second start keeps them, and two at once agree', async () => {
    const [one, two] = await Promise.all([ensureNatsKeys(root), ensureNatsKeys(root)])
    assert.deepEqual(one, two)
    assert.deepEqual(await ensureNatsKeys(root), one)
    assert.equal(new Set(Object.values(one)).size, natsUsers.length)
    assert.deepEqual(await readdir(join(root, 'operator')), ['nats.nk'])
  })

  it('the public sealing key belongs to the secret one', async () => {
    await ensureSealingKeys(root)
    const seed = (await readFile(sealingSeedFile(root), 'utf8')).trim()
    const pair = fromCurveSeed(new TextEncoder().encode(seed))
    assert.equal((await readFile(sealingPublicKeyFile(root), 'utf8')).trim(), pair.getPublicKey())
  })

  it('a damaged key is named, with what to do, without its content', async () => {
    await ensureNatsKeys(root)
    await writeFile(seedFile(root, 'storer'), 'SUNOTAKEY\n')
    await assert.rejects(ensureNatsKeys(root), (error: Error) => {
      assert.match(error.message, /storer\/nats\.nk holds no valid key: restore it/)
      assert.doesNotMatch(error.message, /SUNOTAKEY/)
      return true
    })
  })
})
