/** What is said of tokens: all that a consumer needs to choose one, and nothing to use it with. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { failure } from '../../../shared/contracts/errors.ts'
import { describedToken } from '../../../shared/contracts/messages.ts'
import { describeTokens } from '../../../shared/tokens/describe-tokens.ts'
import { entryOf } from '../../services/build.ts'

const [expiry, soon] = ['2026-12-28T12:00:00.000Z', '2026-12-01T13:00:00.000Z']
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const jwt = (claims: object) => `${part({ alg: 'RS256' })}.${part(claims)}.c2lnbmF0dXJl`

const entry = entryOf(
  '',
  `deliver:
  - vault
  - bearer: { scopes: [storage.read:/dune], audience: [https://door.lab.example] }
  - bearer: { scopes: [compute.create, compute.read], purpose: ce }
  - bearer: { scopes: [storage.read:/], purpose: refused }`,
)
const bearer = { type: 'bearer', purpose: undefined, path: undefined } as const
const configured = [
  { type: 'vault', audience: [], scopes: [] },
  { ...bearer, audience: ['https://door.lab.example'], scopes: ['storage.read:/dune'] },
  { ...bearer, purpose: 'ce', audience: [], scopes: ['compute.create', 'compute.read'] },
  { ...bearer, purpose: 'refused', audience: [], scopes: ['storage.read:/'] },
]

describe('described tokens', () => {
  const refused = failure('bearer-refused', 'The issuer refused it.')
  const opaque = 'an-opaque-token-of-an-issuer'
  const read = jwt({ iss: 'https://iam.lab.example', aud: 'any', scope: 'storage.read:/dune/mc', exp: 1 })
  const described = describeTokens(entry, {
    ...{ token: 'hvs.secret', expiry },
    bearers: [
      { token: read, expiry: soon },
      { token: opaque, purpose: 'ce', expiry: soon },
      { purpose: 'refused', failure: refused },
    ],
  })

  it('are what they say of themselves, else what is configured, each with its end or with why there is none', () => {
    assert.deepEqual(described, [
      { ...configured[0], expiry },
      {
        ...configured[1],
        issuer: 'https://iam.lab.example',
        audience: ['any'],
        scopes: ['storage.read:/dune/mc'],
        expiry: soon,
      },
      { ...configured[2], expiry: soon },
      { ...configured[3], invalid: refused },
    ])
    for (const one of described)
      assert.deepEqual(JSON.parse(JSON.stringify(one)), JSON.parse(JSON.stringify(describedToken.parse(one))))
  })

  it('never hold a token', () => {
    const said = JSON.stringify(described)
    for (const token of ['hvs.secret', opaque, read, ...read.split('.')]) assert.ok(!said.includes(token))
  })

  it('are what is configured where nothing was made', () =>
    assert.deepEqual(describeTokens(entry), configured))

  it('are what is configured where claims are of a strange kind', () => {
    const strange = jwt({ iss: 7, aud: { a: 1 }, scope: ['x'] })
    const [, one] = describeTokens(entry, { expiry, bearers: [{ token: strange, expiry: soon }] })
    assert.deepEqual(one, { ...configured[1], expiry: soon })
  })
})
