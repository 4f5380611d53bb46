/** What fuzzing has found in the code, and what is right there now. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { readSeen } from '../../services/distributor/removal/remove-files.ts'
import { parseResults } from '../../services/distributor/transport/place.ts'
import { bearerExpiry } from '../../services/refresher/credentials/bearer-token.ts'
import { judgeToken } from '../../services/refresher/issuer/token-from-issuer.ts'
import { creddReason } from '../../services/storer/condor/credd-texts.ts'
import { readStored } from '../../services/storer/condor/verify.ts'
import { serverOption } from '../../shared/vault/server.ts'
import { reasonOfVault } from '../../shared/vault/texts.ts'
import { exited } from '../services/outcome.ts'
import { makeEntry } from '../support/entry.ts'
import { inTime } from './in-time.ts'

it('a credd that stored after all dates says nothing of an end', () => {
  assert.deepEqual(readStored(exited(0, '', `Topdune_productionTime = ${'9'.repeat(40)}\n`)), {})
})

it('what HTCondor names that is no Vault server, or is asked without TLS, is none', () => {
  for (const options of [
    '-a #',
    '-a http://vault.lab.example:8200',
    '-a "$(x)"',
    '-a a@b',
    '--vaultserver=-x',
  ])
    assert.equal(serverOption(options), undefined, options)
  assert.equal(
    serverOption('-a https://vault.lab.example:8200 --minsecs=5'),
    'https://vault.lab.example:8200',
  )
})

it('a node has done what it says in these very letters, and nothing else', () => {
  const said = ['o\u0000k', '\u001b[31mok', 'ok\u200b', 'abs\u0007ent', 'file 400 \u0000', 'ok']
  const results = parseResults(said.map((one, index) => `managed-tokens: ${index + 1} ${one}\n`).join(''))
  assert.deepEqual(
    [...results.values()],
    [...Array(3).fill('other ok'), 'other absent', 'other file 400', 'ok'],
  )
  assert.equal(readSeen(results.get(4) ?? '').kind, 'other')
})

it('a bearer token that ends after all dates lives as long as was asked for', () => {
  const now = Date.UTC(2031, 0, 1)
  const token = `e30.${Buffer.from('{"exp":8640000000001}').toString('base64url')}.x`
  assert.equal(bearerExpiry(token, 600, now).getTime(), now + 600_000)
})

const judged = (answer: object) => () =>
  judgeToken(
    makeEntry(),
    { access_token: 'opaque', token_type: 'bearer', ...answer },
    { url: 'https://i.example' },
    0,
  )

it('an issuer whose token ends after all dates does not say when', () => {
  assert.throws(judged({ expires_in: 1e300 }), /does not say when its token ends/)
})

it('an issuer that puts a secret where the type is has none of it told', () => {
  const secret = ['hvs', 'a'.repeat(24)].join('.')
  assert.throws(
    judged({ token_type: secret }),
    ({ message }: Error) => /of another type/.test(message) && !message.includes(secret),
  )
})

it('blanks and beginnings without end are read in no time', () => {
  const url = 'https://v:8200/v1/secret/oauth/creds/dune/d:p'
  const list = `Read token from ${url} failed: HTTPError: Internal Server Error: 1 error occurred:${' '.repeat(64_000)}x`
  assert.equal(
    inTime(5_000, () => reasonOfVault(exited(1, list))),
    'vault-unreachable',
  )
  assert.equal(
    inTime(5_000, () => creddReason('authentication with '.repeat(60_000))),
    undefined,
  )
})
