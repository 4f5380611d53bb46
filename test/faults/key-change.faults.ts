/** Every key is changed with the old and the new one valid side by side, as docs/operations.md says: no push fails meanwhile. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { createAccount, createCurve, createUser, fromSeed, type KeyPair } from '@nats-io/nkeys'
import { type Daemon, daemons } from '../../shared/contracts/subjects.ts'
import {
  natsFiles,
  sealingPublicKeyFile,
  sealingSeedFile,
  seedFile,
  signingSeedFile,
  trustedSignersFile,
} from '../../shared/daemon/state.ts'
import { usePipeline } from '../support/use-pipeline.ts'

describe('a change of keys', { concurrency: 1, timeout: 600_000 }, () => {
  const at = usePipeline()
  let state: string
  let whole: unknown

  before(async () => {
    state = at.pipe.site.layout.state
    whole = await runToEnd()
  })

  async function runToEnd() {
    const { run } = await at.pipe.untilRunStarts(60_000)
    const { totals } = await at.pipe.finish(run, 160_000)
    assert.equal(totals.failed + totals.unfinished, 0)
    const failed = (await at.pipe.storedFacts(run)).filter(({ subject }) =>
      subject.startsWith('token.failed'),
    )
    assert.deepEqual(failed, [])
    return totals
  }
  const read = (file: string) => readFileSync(file, 'utf8').trim()
  const writeSeed = (file: string, pair: KeyPair) =>
    writeFileSync(file, new TextDecoder().decode(pair.getSeed()), { mode: 0o600 })
  const restart = (daemon: Daemon) => at.pipe.killAndAwait(daemon, 'SIGKILL')
  const configure = (sealing: object) => {
    const text = read(at.pipe.site.config).replace(/^sealing: .*$/m, '')
    writeFileSync(at.pipe.site.config, `${text.trim()}\nsealing: ${JSON.stringify(sealing)}\n`)
  }

  it('of signing: the distributor trusts both, the refresher signs with the new one, the old one goes', async () => {
    const [old, made] = [read(trustedSignersFile(state)), createAccount()]
    configure({ trustedSigners: [old, made.getPublicKey()] })
    await restart('distributor')
    assert.deepEqual(await runToEnd(), whole, 'signed with the old one')
    writeSeed(signingSeedFile(state), made)
    await restart('refresher')
    assert.deepEqual(await runToEnd(), whole, 'signed with the new one')
    configure({ trustedSigners: [made.getPublicKey()] })
    await restart('distributor')
    assert.deepEqual(await runToEnd(), whole)
  })

  it('of sealing: the distributor opens with both, the refresher seals to the new one, the old one goes', async () => {
    const made = createCurve()
    const signer = fromSeed(new TextEncoder().encode(read(signingSeedFile(state)))).getPublicKey()
    const next = join(state, 'distributor', 'next.seed')
    writeSeed(next, made)
    const opening = { trustedSigners: [signer], seedFile: next }
    configure({ ...opening, previousSeedFiles: [sealingSeedFile(state)] })
    await restart('distributor')
    assert.deepEqual(await runToEnd(), whole, 'sealed to the old one')
    assert.notEqual(read(sealingPublicKeyFile(state)), made.getPublicKey())
    configure({ ...opening, publicKey: made.getPublicKey(), previousSeedFiles: [sealingSeedFile(state)] })
    await restart('refresher')
    assert.deepEqual(await runToEnd(), whole, 'sealed to the new one')
    configure({ ...opening, publicKey: made.getPublicKey() })
    await restart('distributor')
    assert.deepEqual(await runToEnd(), whole)
  })

  it('of the bus: nats-server knows both of a daemon, which comes back with the new one, the old one goes', async () => {
    const { conf } = natsFiles(state)
    const reload = () => void at.pipe.supervisor.kill('nats-server', 'SIGHUP')
    const before = read(conf)
    const made = new Map(daemons.map((daemon) => [daemon, createUser()]))
    let both = before
    let after = before
    for (const [daemon, pair] of made) {
      const old = fromSeed(new TextEncoder().encode(read(seedFile(state, daemon)))).getPublicKey()
      const block = userBlock(before, old)
      const renewed = block.replace(old, pair.getPublicKey())
      both = both.replace(block, `${block}\n${renewed}`)
      after = after.replace(block, renewed)
    }
    writeFileSync(conf, both)
    reload()
    for (const [daemon, pair] of made) {
      writeSeed(seedFile(state, daemon), pair)
      await restart(daemon)
      assert.deepEqual(await runToEnd(), whole, `${daemon} has the new one`)
    }
    writeFileSync(conf, after)
    reload()
    assert.deepEqual(await runToEnd(), whole, 'nats-server knows the new ones alone')
  })
})

/** `{ nkey: U…, … }` with all that stands in it. */
function userBlock(conf: string, nkey: string): string {
  const start = conf.lastIndexOf('{', conf.indexOf(nkey))
  for (let at = start, depth = 0; at < conf.length; at++) {
    if (conf[at] === '{') depth += 1
    if (conf[at] === '}') depth -= 1
    if (depth === 0) return conf.slice(start, at + 1)
  }
  throw new Error('the user has no end')
}
