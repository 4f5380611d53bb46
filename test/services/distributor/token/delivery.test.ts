import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { deliveryOf } from '../../../../services/distributor/token/delivery.ts'
import { filesFor } from '../../../../services/distributor/token/files.ts'
import { failure } from '../../../../shared/contracts/errors.ts'
import type { SealedContent } from '../../../../shared/tokens/seal.ts'
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
        { bearer: both.deliver.bearers[0], token: 'bearer.one', expiry: at(60) },
        { bearer: both.deliver.bearers[1], token: 'bearer.two', expiry: at(60) },
      ],
      lacking: undefined,
    })
  })

  it('is no vault token where nodes must not have it, even when one was sealed', () => {
    assert.deepEqual(deliveryOf(alone, { token: 'hvs.x', bearers: [made, stash] }, now), {
      token: undefined,
      bearers: [{ bearer: alone.deliver.bearers[0], token: 'bearer.one', expiry: at(60) }],
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

/** What a push of this entry puts there when everything was made. */
const filesOf = (entry: typeof both, bearers: SealedContent['bearers']) =>
  filesFor(entry, 4711, deliveryOf(entry, { token: 'hvs.x', bearers }, now))

describe('the files of a push with bearer tokens', () => {
  it('are those that WLCG’s discovery finds, unreadable for others; jobsub’s own are left alone', () => {
    const secret = filesOf(both, [made, stash]).filter(({ mode }) => mode === '400')
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
      filesOf(alone, [made]).map(({ path }) => path),
      ['/tmp/bt_u4711', '/tmp/jobsub_default_role_dune_4711'],
    )
  })

  const perDoor = entryOf(
    '',
    `deliver:
  - bearer:
      scopes: compute.create
      audiences: [ce1.example:9619, ce2.example:9619]
      each: true
      purpose: pilots
      path: /srv/{{.Experiment}}_{{.Purpose}}/{{.DesiredUID}}/{{.AudienceHost}}
      newline: false
      format: json`,
  )
  const [first, second] = perDoor.deliver.bearers
  it('lie each at the place of its audience, told apart in the seal, in the form that is asked for', () => {
    const sealed = [second, first].map((one, index) => ({
      ...{ purpose: one?.purpose, path: one?.path, token: `bearer.${index}`, expiry: at(60) },
    }))
    const json = (token: string) =>
      JSON.stringify({ access_token: token, token_type: 'Bearer', expires_at: Date.parse(at(60)) / 1_000 })
    assert.deepEqual(
      filesOf(perDoor, sealed).filter(({ mode }) => mode === '400'),
      [
        { path: '/srv/dune_pilots/4711/ce1.example', mode: '400', content: json('bearer.1'), newline: false },
        { path: '/srv/dune_pilots/4711/ce2.example', mode: '400', content: json('bearer.0'), newline: false },
      ],
    )
  })
  it('are none of another place, though the purpose be the same', () => {
    const elsewhere = { purpose: 'pilots', path: '/srv/other', token: 'bearer.x', expiry: at(60) }
    const { bearers, lacking } = deliveryOf(perDoor, { bearers: [elsewhere] }, now)
    assert.deepEqual([bearers, lacking?.code], [[], 'seal-missing'])
  })
})
