import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { planPushes, planStored } from '../../../services/distributor/plan.ts'
import { filesFor } from '../../../services/distributor/token/files.ts'
import type { TokenReady, TokenStored } from '../../../shared/contracts/messages.ts'
import { storeSubject } from '../../../shared/contracts/subjects.ts'
import type { Received } from '../../../shared/work/consume/handle-message.ts'
import { dune, entryOf, noneRevoked, ofRun, readyOf, recordOf, runIds, siteOf } from '../build.ts'
import { fakeKv } from '../fake-kv.ts'

const received = <T>(body: T) => ({ body }) as Received<T>
const stored = 'distributor: { pushAfter: stored }'
const subjects = (messages: readonly { subject: string }[]) => messages.map(({ subject }) => subject)
const both = ['push.dune.production.node1_lab_example', 'push.dune.production.node2_lab_example']

describe('which pushes a token makes', () => {
  const plan = (ready: Partial<TokenReady>, site = siteOf()) =>
    planPushes(received(readyOf(ready)), { site: () => site, targets: fakeKv().kv, revoked: noneRevoked })

  it('is one for each node of the entry', async () => assert.deepEqual(subjects(await plan({})), both))
  it('is none in test mode', async () =>
    assert.deepEqual(await plan({ mode: { push: false, notify: true } }), []))
  it('is none yet where pushes wait for the credds', async () =>
    assert.deepEqual(await plan({ credds: ['c1'] }, siteOf(stored)), []))
  it('is all at once there when the entry has no credd', async () =>
    assert.deepEqual(subjects(await plan({ credds: [] }, siteOf(stored))), both))
  it('refuses an entry that is not configured here', async () => {
    await assert.rejects(
      plan({ entry: 'other_production' }),
      /"other_production" is not in this daemon’s configuration/,
    )
  })
  it('sends no token and no setting', async () => {
    const [first] = await plan({})
    assert.deepEqual(Object.keys(first?.body ?? {}).sort(), [
      ...[
        'at',
        'deadline',
        'entry',
        'experiment',
        'expiry',
        'key',
        'mode',
        'node',
        'revision',
        'role',
        'run',
      ],
      ...['schema', 'service', 'tokenId', 'uid'],
    ])
  })
})

describe('which pushes a stored token makes', () => {
  const plan = async (
    records: Record<string, object>,
    site = siteOf(stored),
    mode = { push: true, notify: true },
  ) => {
    const targets = fakeKv()
    for (const [credd, ended] of Object.entries(records))
      targets.put(storeSubject(dune, credd), recordOf(runIds[1], { target: credd, ended }))
    const ready = readyOf({ ...ofRun(runIds[1]), credds: ['c1', 'c2'], mode })
    const body: TokenStored = { ...ready, credd: 'c2', ready }
    return planStored(received(body), { site: () => site, targets: targets.kv, revoked: noneRevoked })
  }
  const done = { run: runIds[1], kind: 'done', messages: [] } as const

  it('is all when the last credd has it', async () =>
    assert.deepEqual(subjects(await plan({ c1: done, c2: done })), both))
  it('is none while another credd waits', async () => assert.deepEqual(await plan({ c2: done }), []))
  it('is none while another credd has only an older run’s', async () =>
    assert.deepEqual(await plan({ c1: { ...done, run: runIds[0] }, c2: done }), []))
  it('is none when another credd failed', async () =>
    assert.deepEqual(await plan({ c1: { run: runIds[1], kind: 'failed' }, c2: done }), []))
  it('is none in test mode', async () =>
    assert.deepEqual(await plan({ c1: done, c2: done }, siteOf(stored), { push: false, notify: true }), []))
  it('is none where pushes do not wait for credds', async () =>
    assert.deepEqual(await plan({ c1: done, c2: done }, siteOf()), []))
})

describe('the files of a push', () => {
  it('are the two token files and jobsub’s role file, byte by byte', () => {
    const role = '/tmp/jobsub_default_role_{{.Experiment}}_{{.DesiredUID}}'
    const entry = entryOf(`defaultRoleFileDestinationTemplate: "${role}"`)
    assert.deepEqual(filesFor(entry, 4711, { token: 'hvs.x', bearers: [] }), [
      { path: '/tmp/vt_u4711', mode: '400', content: 'hvs.x' },
      { path: '/tmp/vt_u4711-dune_production', mode: '400', content: 'hvs.x' },
      { path: '/tmp/jobsub_default_role_dune_4711', mode: '644', content: 'production', optional: true },
    ])
  })
  it('carry the service, not the entry, where the experiment is overridden', () => {
    const entry = { ...entryOf(), name: 'dune-2_production', experiment: 'dune-2' }
    assert.equal(filesFor(entry, 1, { token: 'x', bearers: [] })[1]?.path, '/tmp/vt_u1-dune_production')
  })
})
