/** A site without Kerberos and Vault: its demo, and that no secret of it is anywhere but in its place. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { TokenReady } from '../../shared/contracts/messages.ts'
import { findLeaks, findSecrets, keysOf, scanFiles, tokensOf } from '../support/canary.ts'
import { dumpStreams } from '../support/dump-streams.ts'
import { makeDirectory } from '../support/pipeline.ts'
import { type DemoOutcome, runDemo } from '../support/run-demo.ts'

describe('the demo of a site with a token issuer alone', { timeout: 300_000 }, () => {
  const stack = new AsyncDisposableStack()
  let dir: string
  let outcome: DemoOutcome
  before(async () => {
    dir = stack.use(await makeDirectory()).path
    outcome = await runDemo(dir, ['--site', 'iam'])
  })
  after(() => stack.disposeAsync())

  it('has every token where it belongs, and says so', () => {
    assert.equal(outcome.exitCode, 0, outcome.stdout + outcome.stderr)
    assert.match(outcome.stdout, /Looked at 5 targets: every token is where it belongs/)
  })

  it('has no Kerberos: no KDC, no keytab, no ticket was made', () => {
    assert.ok(!existsSync(join(dir, 'krb5.conf')))
    assert.deepEqual(readdirSync(join(dir, 'keytabs')), [])
    const logs = readdirSync(join(dir, 'logs')).map((name) => readFileSync(join(dir, 'logs', name), 'utf8'))
    assert.ok(logs.length > 4)
    assert.ok(!logs.join('').includes('kinit'))
  })

  it('no secret of the client and no refresh token is anywhere but in its file and in its seal', async () => {
    const tokens = tokensOf(dir)
    const refresh = tokens.filter(({ name }) => name.startsWith('refresh'))
    assert.ok(refresh.length >= 3, 'one of the login, one of each bearer token')
    for (const key of ['client secret', 'ssh key'])
      assert.ok(
        keysOf(dir).some(({ name }) => name === key),
        key,
      )
    assert.deepEqual(await findLeaks(dir), [])
    const places = await scanFiles(dir, refresh, [join(dir, 'vault')])
    assert.deepEqual(
      [...new Set(places.map((place) => place.split(':')[0]))],
      ['state/refresher/logins/cms=5Fanalysis.json'],
    )
    const said = `${outcome.stdout}${outcome.stderr}`
    assert.deepEqual(findSecrets(said, [...tokens, ...keysOf(dir)]), [])
  })

  it('nor is one readable on the bus, where the login lies sealed', async () => {
    const messages = await dumpStreams(join(dir, 'state'))
    const secrets = [...tokensOf(dir), ...keysOf(dir)]
    assert.deepEqual(
      messages.filter(({ text }) => findSecrets(text, secrets).length > 0).map(({ subject }) => subject),
      [],
    )
    const logins = messages.filter(({ stream }) => stream === 'KV_logins')
    assert.deepEqual(
      logins.map(({ subject }) => subject),
      ['$KV.logins.cms=5Fanalysis'],
    )
  })

  it('facts say of each token what it is, for whom and until when', async () => {
    const messages = await dumpStreams(join(dir, 'state'))
    for (const fact of ['ready', 'pushed']) {
      const told = messages.find(({ subject }) => subject === `token.${fact}.cms.production`)
      const { tokens, at } = JSON.parse(told?.text.slice(told.text.indexOf('{')) ?? '') as TokenReady
      assert.deepEqual(
        tokens?.map(({ type, purpose, audience, scopes }) => [type, purpose, audience, scopes]),
        [
          ['bearer', undefined, ['https://wlcg.cern.ch/jwt/v1/any'], ['compute.create', 'compute.read']],
          ['bearer', 'read', ['https://dcache.sandbox.test'], ['storage.read:/cms']],
          ['bearer', undefined, ['ce01.sandbox.test:9619'], ['compute.create']],
          ['bearer', undefined, ['ce02.sandbox.test:9619'], ['compute.create']],
        ],
      )
      for (const { issuer, expiry = '', invalid } of tokens ?? []) {
        assert.match(issuer ?? '', /^https:\/\/localhost:\d+$/)
        assert.ok(expiry > at)
        assert.equal(invalid, undefined)
      }
    }
  })
})
