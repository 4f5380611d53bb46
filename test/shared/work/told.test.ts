/** What is told of a target that has ended: one fact a run and target, however often it is made. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { failure } from '../../../shared/contracts/errors.ts'
import type { TokenPushed } from '../../../shared/contracts/messages.ts'
import { failuresTotal } from '../../../shared/telemetry/metrics/metrics.ts'
import { failedEvent } from '../../../shared/work/failed-event.ts'
import { entryFacts, entryFrom, factsOf } from '../../../shared/work/remembered-entry.ts'
import { tokenFact } from '../../../shared/work/token-fact.ts'
import { at, dune, entryOf, ofRun, runIds } from '../../services/build.ts'

const item = { ...ofRun(), ...dune, deadline: at(5) }
const failed = failure('node-unreachable', 'n1 does not answer.')

describe('a failure at a target', () => {
  it('says what, where and why, and is the same fact however often it is told', () => {
    const { body, ...rest } = failedEvent(item, 'push', 'n1', failed, true)
    const { schema, at: when, ...told } = body as unknown as Record<string, unknown>
    assert.ok(schema && when)
    assert.deepEqual(told, {
      run: runIds[0],
      ...dune,
      stage: 'push',
      target: 'n1',
      ...failed,
      permanent: true,
    })
    assert.deepEqual(rest, {
      ...{ kind: 'fact', subject: 'token.failed.dune.production' },
      id: `${runIds[0]}.push.dune_production.n1.failed`,
    })
  })
  it('is another fact while it is tried again, and has no target where the entry itself failed', () => {
    const { id, body } = failedEvent(item, 'refresh', undefined, failed, false)
    assert.equal(id, `${runIds[0]}.refresh.dune_production..failing`)
    assert.ok(!('target' in body) && 'permanent' in body && body.permanent === false)
  })
  it('is counted', async () => {
    const count = async () =>
      (await failuresTotal.get()).values.find(
        ({ labels }) => labels.stage === 'store' && labels.code === failed.code,
      )?.value ?? 0
    const before = await count()
    failedEvent(item, 'store', 'c1', failed, true)
    assert.equal(await count(), before + 1)
  })
})

describe('a success at a target', () => {
  it('is one fact a run and target', () => {
    const body: TokenPushed = { ...ofRun(), ...dune, node: 'n1', tokenId: 'id-1', expiry: at(600) }
    assert.deepEqual(tokenFact('pushed', item, 'push.dune.production.n1', body), {
      ...{ kind: 'fact', subject: 'token.pushed.dune.production' },
      id: `${runIds[0]}.push.dune.production.n1.pushed`,
      body,
    })
  })
})

describe('what is remembered of an entry', () => {
  const entry = { ...entryOf(), identityFile: '/srv/key', vaultServer: 'vault.lab.example' }
  it('is enough to reach what lies where, and comes back as it was', () => {
    const facts = factsOf(entry)
    assert.deepEqual(entryFacts.parse(JSON.parse(JSON.stringify(facts))), facts)
    const again = entryFrom(dune, facts)
    for (const key of Object.keys(entryFacts.shape) as (keyof typeof entry & keyof typeof again)[])
      assert.deepEqual(again[key], entry[key], key)
    const { name, service, experiment, role } = again
    assert.deepEqual({ entry: name, service, experiment, role }, dune)
  })
  it('is no entry that a token can be made of, or that anybody is told about', () => {
    const { nodes, deliver, tokenGetter, credds, desiredUid, roleFileTemplate, ...rest } = entryFrom(
      dune,
      factsOf(entry),
    )
    assert.deepEqual([nodes, deliver], [[], { vault: false, bearers: [] }])
    assert.deepEqual([tokenGetter, credds, desiredUid, roleFileTemplate], ['getToken', ...Array(3)])
    assert.deepEqual([rest.disableNotifications, rest.emails], [false, []])
    assert.deepEqual(
      [rest.minTokenLifetime, rest.tokenDirectoryTemplate, rest.fileCopierOptions],
      ['', '', []],
    )
  })
  for (const [what, more] of Object.entries({
    'without an account': { account: undefined },
    'with an unknown way to store': { storerMethod: 'by hand' },
    'with an unknown way to its nodes': { transport: 'post' },
    'with options that are no words': { sshOptions: [1] },
    'with collectors that are no names': { collectors: [1] },
    'without its experiment at the issuer': { realExperiment: undefined },
    'without the key of its credentials': { credkey: undefined },
    'without the directory of its vault tokens': { vaultTokenRoot: undefined },
  }))
    it(`is nothing ${what}`, () =>
      assert.equal(entryFacts.safeParse({ ...factsOf(entry), ...more }).success, false))
})
