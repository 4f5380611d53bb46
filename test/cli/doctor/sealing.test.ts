import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createAccount, createCurve, createUser } from '@nats-io/nkeys'
import { checkSealing } from '../../../cli/doctor/sealing.ts'
import { ensureSealingKeys } from '../../../cli/up/credentials.ts'
import type { SealingConfig } from '../../../shared/config/sections/common.ts'
import { readOpening, readSealing } from '../../../shared/daemon/sealing-keys.ts'
import { sealingSeedFile, signingSeedFile, trustedSignersFile } from '../../../shared/daemon/state.ts'
import { siteOf } from '../../services/build.ts'

const config = siteOf().sealing

async function withKeys(look: (root: string) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'mt-keys-'))
  try {
    await ensureSealingKeys(root)
    await look(root)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}
const look = async (root: string, more: Partial<SealingConfig> = {}) => {
  const found = await checkSealing({ sealing: { ...config, ...more } }, root).look(
    AbortSignal.timeout(60_000),
  )
  return found.map(({ state, says }) => `${state}: ${says}`)
}
const seedOf = (pair: { getSeed(): Uint8Array }) => Buffer.from(pair.getSeed()).toString()

describe('doctor on the keys of sealing and signing', () => {
  it('finds that those which were made together fit', () =>
    withKeys(async (root) => {
      assert.deepEqual(await look(root), [
        'ok: the distributor opens what the refresher seals',
        'ok: the distributor trusts the refresher’s signing key',
      ])
    }))
  it('finds a signer that is not trusted, and one that is among several', () =>
    withKeys(async (root) => {
      const other = createAccount().getPublicKey()
      assert.match(
        (await look(root, { trustedSigners: [other] })).join(),
        /problem: the distributor does not trust/,
      )
      const { trustedSigners } = await readOpening(config, root)
      const both = await look(root, { trustedSigners: [other, ...trustedSigners] })
      assert.doesNotMatch(both.join(), /problem/)
    }))
  it('finds that the refresher seals to a key that nobody opens, and one that an earlier seed opens', () =>
    withKeys(async (root) => {
      const made = createCurve()
      const publicKey = made.getPublicKey()
      assert.match(
        (await look(root, { publicKey })).join(),
        /problem: the refresher seals to a key whose seed/,
      )
      const next = join(root, 'next.seed')
      writeFileSync(next, seedOf(made))
      const { recipient } = await readSealing(config, root)
      for (const key of [recipient, publicKey])
        assert.doesNotMatch(
          (
            await look(root, {
              publicKey: key,
              seedFile: next,
              previousSeedFiles: [sealingSeedFile(root)],
            })
          ).join(),
          /problem/,
        )
    }))
  it('says nothing of what is on other machines', () =>
    withKeys(async (root) => {
      for (const file of [sealingSeedFile(root), trustedSignersFile(root)]) rmSync(file)
      assert.deepEqual(await look(root), [])
    }))
})

describe('a daemon', () => {
  it('starts with no key of another kind: one of the bus signs whatever a nats-server asks for', () =>
    withKeys(async (root) => {
      writeFileSync(signingSeedFile(root), seedOf(createUser()))
      await assert.rejects(readSealing(config, root), /signing\.seed holds no signing seed \(SA…\)/)
      writeFileSync(sealingSeedFile(root), seedOf(createUser()))
      await assert.rejects(readOpening(config, root), /sealing\.seed holds no curve seed \(SX…\)/)
    }))
})
