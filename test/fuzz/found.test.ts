/** What fuzzing has found in the code, and what is right there now. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { readSeen } from '../../services/distributor/removal/remove-files.ts'
import { parseResults } from '../../services/distributor/transport/place.ts'
import { resultOf } from '../../services/distributor/transport/rsync-outcome.ts'
import { noticeOfUndelivered } from '../../services/notifier/news/undelivered.ts'
import { bearerExpiry } from '../../services/refresher/credentials/bearer-token.ts'
import { judgeIssuer } from '../../services/refresher/issuer/issuer-failure.ts'
import { judgeToken } from '../../services/refresher/issuer/token-from-issuer.ts'
import { creddReason } from '../../services/storer/condor/credd-texts.ts'
import { readStored } from '../../services/storer/condor/verify.ts'
import { loadSiteFrom } from '../../shared/config/load.ts'
import { ConfigError } from '../../shared/config/read/problem.ts'
import { runStarted } from '../../shared/contracts/messages.ts'
import { reasonOf } from '../../shared/contracts/reasons.ts'
import { serverOption } from '../../shared/vault/server.ts'
import { reasonOfVault } from '../../shared/vault/texts.ts'
import { at, ofRun } from '../services/build.ts'
import { exited } from '../services/outcome.ts'
import { makeEntry } from '../support/entry.ts'
import { inTime } from './in-time.ts'

/** What is done in milliseconds is given this long on a machine that has much else to do; it took minutes before. */
const mostMs = 20_000

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
  const list = `Read token from ${url} failed: HTTPError: Internal Server Error: 1 error occurred:${' '.repeat(200_000)}x`
  assert.equal(
    inTime(mostMs, () => reasonOfVault(exited(1, list))),
    'vault-unreachable',
  )
  assert.equal(
    inTime(mostMs, () => creddReason('authentication with '.repeat(60_000))),
    undefined,
  )
})

it('what every object has is no error of an issuer, no reason and no channel', async () => {
  for (const error of ['constructor', 'toString', '__proto__']) {
    assert.equal(judgeIssuer({ error, status: 400 }, {}).code, 'issuer-misconfigured')
    assert.equal(reasonOf(error), undefined)
    const letter = {
      schema: '1.0',
      at: at(1),
      reason: 'x',
      subject: `notify.${error}.x`,
      sequence: 1,
      body: '{}',
    }
    assert.match(noticeOfUndelivered(letter)?.title ?? '', new RegExp(`^a message by ${error} could not`))
  }
})

it('a plan in more parts than a million nodes need is none', () => {
  const started = {
    ...ofRun(),
    deadline: at(5),
    configHash: '0',
    trigger: 'request',
    mode: { push: true, notify: true },
  }
  const inParts = (of: number) => ({ ...started, entries: [], part: { number: 1, of, plan: '0' } })
  assert.ok(runStarted.safeParse(inParts(3)).success)
  assert.ok(!runStarted.safeParse(inParts(100_000_000)).success)
})

it('a token in a wrong place of the configuration is not told', () => {
  const token = ['hvs', 'a'.repeat(24)].join('.')
  for (const text of [
    `${token}: x`,
    `vaultServer: ${token} x`,
    `experiments: {dune: {emails: ["${token}"]}}`,
  ])
    assert.throws(
      () => loadSiteFrom('x.yml', Buffer.from(text)),
      (error) =>
        error instanceof ConfigError && !JSON.stringify([error.problems, error.message]).includes(token),
      text,
    )
})

it('a program that names files without end is read in no time', () => {
  const said = `rsync: ${'x mkstemp "" '.repeat(120_000)}`
  const [file] = [{ path: '/tmp/vt_u1', mode: '400', content: 'x' }] as const
  assert.match(
    inTime(mostMs, () => resultOf(file, 1, undefined, said)),
    /^other /,
  )
})
