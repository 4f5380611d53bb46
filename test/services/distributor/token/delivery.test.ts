import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { deliveryOf } from '../../../../services/distributor/token/delivery.ts'
import { filesFor } from '../../../../services/distributor/token/files.ts'
import { failure } from '../../../../shared/contracts/errors.ts'
import { at, entryOf } from '../../build.ts'

const now = Date.parse(at(0))
const both = entryOf('', 'deliver: [vault, {bearer: {scopes: a}}, {bearer: {scopes: b, purpose: stash}}]')
const alone = entryOf('', 'deliver: [{bearer: {scopes: a}}]')
const made = { token: 'bearer.one', expiry: at(60) }
const stash = { purpose: 'stash', token: 'bearer.two', expiry: at(60) }

describe('what is delivered', () => {
  it('is the vault token and each bearer token under its purpose', () => {
    assert.deepEqual(deliveryOf(both, { token: 'hvs.x', bearers: [stash, made] }, now), {
      token: 'hvs.x',
      bearers: [
        { purpose: undefined, token: 'bearer.one' },
        { purpose: 'stash', token: 'bearer.two' },
      ],
      lacking: undefined,
    })
  })

  it('is no vault token where nodes must not have it, even when one was sealed', () => {
    assert.deepEqual(deliveryOf(alone, { token: 'hvs.x', bearers: [made, stash] }, now), {
      token: undefined,
      bearers: [{ purpose: undefined, token: 'bearer.one' }],
      lacking: undefined,
    })
  })

  const refused = failure('bearer-refused', 'The issuer refused it.')
  const missing = (entry: typeof both, content: Parameters<typeof deliveryOf>[1]) => {
    const { token, bearers, lacking } = deliveryOf(entry, content, now)
    return [token, bearers.map((one) => one.token), lacking?.code]
  }
  it('is all the rest where a bearer token was refused, with the reason', () => {
    const content = { token: 'hvs.x', bearers: [{ failure: refused }, stash] }
    assert.deepEqual(missing(both, content), ['hvs.x', ['bearer.two'], 'bearer-refused'])
  })
  it('is all the rest where a bearer token is over, or was not asked for then', () => {
    const over = { ...stash, expiry: at(0) }
    assert.deepEqual(missing(both, { token: 'hvs.x', bearers: [made, over] }), [
      'hvs.x',
      ['bearer.one'],
      'seal-missing',
    ])
    assert.deepEqual(missing(both, { token: 'hvs.x' }), ['hvs.x', [], 'seal-missing'])
  })
  it('is the bearer tokens where the vault token was not asked for then', () => {
    assert.deepEqual(missing(both, { bearers: [made, stash] }), [
      undefined,
      ['bearer.one', 'bearer.two'],
      'seal-missing',
    ])
  })
})

describe('the files of a push with bearer tokens', () => {
  it('are those that WLCG’s discovery finds, unreadable for others; jobsub’s own are left alone', () => {
    const bearers = [
      { purpose: undefined, token: 'bearer.one' },
      { purpose: 'stash', token: 'bearer.two' },
    ]
    const secret = filesFor(both, 4711, 'hvs.x', bearers).filter(({ mode }) => mode === '400')
    assert.deepEqual(
      secret.map(({ path, content }) => [path, content]),
      [
        ['/tmp/vt_u4711', 'hvs.x'],
        ['/tmp/vt_u4711-dune_production', 'hvs.x'],
        ['/tmp/bt_u4711', 'bearer.one'],
        ['/tmp/bt_u4711-stash', 'bearer.two'],
      ],
    )
    assert.deepEqual(
      filesFor(alone, 4711, undefined, bearers.slice(0, 1)).map(({ path }) => path),
      ['/tmp/bt_u4711', '/tmp/jobsub_default_role_dune_4711'],
    )
  })
})
