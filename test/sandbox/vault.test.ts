import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { request as startRequest } from 'node:https'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import type { RateLimitRecord } from '../../sandbox/vault/rate-limit.ts'
import { credkeyOfDune, startVaultSite, type VaultSite } from './vault-site.ts'

interface Asked {
  readonly token?: string
  readonly body?: unknown
  readonly method?: string
  readonly headers?: Record<string, string>
}

describe('the Vault stand-in', () => {
  let site: VaultSite
  let token: string
  before(async () => {
    // Whoever polls twice in a minute is too fast, also on a machine that takes its time.
    site = await startVaultSite({ lifetimes: { poll: 60 } })
    const file = join(site.dir, 'run', 'vt')
    const argv = [
      '-q',
      '-a',
      site.url,
      `--cafile=${site.layout.vaultCa}`,
      '-i',
      'dune',
      '-r',
      'production',
      `--vaulttokenfile=${file}`,
    ]
    assert.equal((await site.call('htgettoken', argv, site.env('dunepro'))).exit, 0)
    token = readFileSync(file, 'utf8').trim()
  })
  after(() => site[Symbol.asyncDispose]())
  afterEach(() => site.setFaults({}))

  function ask(
    path: string,
    asked: Asked = {},
  ): Promise<{ status: number; body: Record<string, unknown> & { data?: never; auth?: never } }> {
    const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof ask>>>()
    const headers = { ...(asked.token && { 'X-Vault-Token': asked.token }), ...asked.headers }
    const method = asked.method ?? (asked.body === undefined ? 'GET' : 'POST')
    const ca = readFileSync(site.layout.vaultCa)
    const request = startRequest(
      `${site.url}${path}`,
      { method, headers, ca, agent: false },
      async (response) => {
        const text = (await response.toArray()).join('')
        resolve({ status: response.statusCode ?? 0, body: text.startsWith('{') ? JSON.parse(text) : {} })
      },
    )
    request.once('error', reject)
    request.end(asked.body === undefined ? undefined : JSON.stringify(asked.body))
    return promise
  }
  const credsPath = `/v1/secret/oauth/creds/dune/${credkeyOfDune}:production`
  const login = '/v1/auth/kerberos-dune_production/login'

  it('refuses a login without a ticket, and one with a forged ticket', async () => {
    assert.deepEqual(await ask(login, { body: '' }), { status: 401, body: {} })
    const forged = await ask(login, {
      body: '',
      headers: { Authorization: `Negotiate ${Buffer.from('forged').toString('base64')}` },
    })
    assert.deepEqual(forged, { status: 401, body: {} }, 'and says no word of why')
  })

  it('lists every token it has issued', () => {
    const issued = site.issuedTokens()
    assert.ok(
      issued.some((one) => one.token === token && one.kind === 'vault' && one.service === 'dune_production'),
    )
    assert.ok(issued.some((one) => one.kind === 'bearer'))
    assert.ok(issued.filter((one) => one.kind === 'vault').every((one) => one.token.startsWith('hvs.')))
  })

  it('tells how long a token lives, until it is revoked', async () => {
    const created = await ask('/v1/auth/token/create', { token, body: { ttl: '600s', renewable: 'false' } })
    const { client_token: child, lease_duration: lease } = created.body.auth as unknown as {
      client_token: string
      lease_duration: number
    }
    assert.equal(lease, 600)
    const looked = await ask('/v1/auth/token/lookup-self', { token: child })
    const { ttl, policies } = looked.body.data as unknown as { ttl: number; policies: string[] }
    assert.ok(ttl > 480 && ttl <= 600)
    assert.deepEqual(policies, ['default', 'kerberos-dune_production'])
    assert.equal((await ask('/v1/auth/token/revoke-self', { token: child, body: {} })).status, 204)
    assert.equal((await ask('/v1/auth/token/lookup-self', { token: child })).status, 403)
  })

  it('gives no token more life than 28 days, and no policy that its maker lacks', async () => {
    const long = await ask('/v1/auth/token/create', { token, body: { ttl: '99999999s' } })
    assert.equal((long.body.auth as unknown as { lease_duration: number }).lease_duration, 28 * 86_400)
    const more = await ask('/v1/auth/token/create', { token, body: { ttl: '1s', policies: ['root'] } })
    assert.equal(more.status, 400)
  })

  it('gives bearer tokens signed with its published key, RSA as all doors take it', async () => {
    const { body } = await ask(`${credsPath}?minimum_seconds=60`, { token })
    const bearer = (body.data as unknown as { access_token: string }).access_token
    const [head = '', claims = '', signature = ''] = bearer.split('.')
    const facts = JSON.parse(Buffer.from(claims, 'base64url').toString())
    assert.deepEqual(facts['wlcg.groups'], ['/dune', '/dune/production'])
    assert.equal(facts['wlcg.ver'], '1.0')
    assert.ok(facts.exp - facts.iat >= 3600)
    const wellKnown = await ask(`${new URL(facts.iss).pathname}/.well-known/openid-configuration`)
    assert.equal(wellKnown.body.issuer, facts.iss)
    const { body: published } = await ask(new URL(String(wellKnown.body.jwks_uri)).pathname)
    const jwk = (published.keys as { kid: string; alg: string; kty: string }[])[0]
    const { typ, alg, kid } = JSON.parse(Buffer.from(head, 'base64url').toString())
    assert.deepEqual(
      { typ, alg, kid, kty: 'RSA' },
      { typ: 'JWT', alg: 'RS256', kid: jwk?.kid, kty: jwk?.kty },
    )
    const key = createPublicKey({ key: jwk as never, format: 'jwk' })
    const isSigned = verify(
      'sha256',
      Buffer.from(`${head}.${claims}`),
      key,
      Buffer.from(signature, 'base64url'),
    )
    assert.equal(isSigned, true)
  })

  it('gives fewer scopes and another audience at the sts path', async () => {
    const path = credsPath.replace('/creds/', '/sts/')
    const { body } = await ask(
      `${path}?minimum_seconds=60&scopes=storage.read:/&audiences=https://dcache.sandbox.test`,
      { token },
    )
    const bearer = (body.data as unknown as { access_token: string }).access_token
    const facts = JSON.parse(Buffer.from(bearer.split('.')[1] ?? '', 'base64url').toString())
    assert.equal(facts.scope, 'storage.read:/')
    assert.deepEqual(facts.aud, ['https://dcache.sandbox.test'])
  })

  const forbidden = {
    'a path that is not there': '/v1/secret/nothing',
    'another service': '/v1/secret/oauth/creds/mu2e/mu2epro/managedtokens/sandbox.test:production',
    'another key of its service': '/v1/secret/oauth/creds/dune/somebody:production',
    'another role': credsPath.replace(':production', ':analysis'),
  }
  for (const [what, path] of Object.entries(forbidden)) {
    it(`denies a token the bearer of ${what}`, async () => {
      const { status, body } = await ask(`${path}?minimum_seconds=60`, { token })
      assert.equal(status, 403)
      assert.deepEqual(body.errors, ['1 error occurred:\n\t* permission denied\n\n'])
    })
  }

  it('lets no token from a Kerberos login keep a refresh token', async () => {
    const { status } = await ask(credsPath, { token, body: { server: 'dune', refresh_token: 'rt.x' } })
    assert.equal(status, 403)
  })

  it('takes a refresh token from a person who logged in, and then gives bearers', async () => {
    assert.equal((await ask(credsPath, { token, method: 'DELETE' })).status, 204)
    assert.equal((await ask(`${credsPath}?minimum_seconds=60`, { token })).status, 404)

    const started = await ask('/v1/auth/oidc-dune/oidc/auth_url', {
      body: { role: 'production', client_nonce: 'n', redirect_uri: 'x' },
    })
    const { auth_url: url, state } = started.body.data as unknown as { auth_url: string; state: string }
    const poll = () => ask('/v1/auth/oidc-dune/oidc/poll', { body: { state, client_nonce: 'n' } })
    assert.deepEqual((await poll()).body.errors, ['authorization_pending'])
    assert.deepEqual((await poll()).body.errors, ['slow_down'])
    assert.equal((await ask(url.slice(site.url.length))).status, 200)
    const polled = (await poll()).body.auth as unknown as {
      client_token: string
      metadata: Record<string, string>
    }
    assert.equal(polled.metadata.credkey, 'dunepro')
    const kept = { server: 'dune', refresh_token: polled.metadata.oauth2_refresh_token }
    assert.equal((await ask(credsPath, { token: polled.client_token, body: kept })).status, 204)
    assert.equal((await ask(`${credsPath}?minimum_seconds=60`, { token })).status, 200)
  })

  it('exchanges for fewer rights and fewer audiences, anew each time, and never for more', async () => {
    const stsPath = credsPath.replace('/creds/', '/sts/')
    const exchange = (scopes: string, audiences = '') =>
      ask(`${stsPath}?${new URLSearchParams({ scopes, ...(audiences && { audiences }) })}`, { token })
    const bearerIn = ({ body }: Awaited<ReturnType<typeof exchange>>) =>
      (body.data as unknown as { access_token: string }).access_token
    const claimsOf = (bearer: string) =>
      JSON.parse(Buffer.from(bearer.split('.')[1] ?? '', 'base64url').toString())
    const narrow = bearerIn(await exchange('storage.read:/dune,compute.read', 'https://a.example,b'))
    assert.equal(claimsOf(narrow).scope, 'storage.read:/dune compute.read')
    assert.deepEqual(claimsOf(narrow).aud, ['https://a.example', 'b'])
    assert.notEqual(
      bearerIn(await exchange('storage.read:/dune,compute.read', 'https://a.example,b')),
      narrow,
    )
    for (const written of ['storage.modify:/dune', 'storage.stage:/dune'])
      assert.equal(claimsOf(bearerIn(await exchange(written))).scope, written)
    for (const beyond of ['storage.delete:/', 'compute.read,admin', 'storage.read'])
      assert.match(JSON.stringify((await exchange(beyond)).body.errors), /exchange failed: .*invalid_scope/)
    site.setFaults({ 'bearer-refused': ['dune_production'] })
    const refused = await exchange('compute.read')
    assert.deepEqual([refused.status, /invalid_target/.test(JSON.stringify(refused.body))], [500, true])
    assert.equal((await ask(`${credsPath}?minimum_seconds=60`, { token })).status, 200)
  })

  it('takes no refresh token from somebody whose name is not the first part of the key', async () => {
    const started = await ask('/v1/auth/oidc-dune/oidc/auth_url', {
      body: { role: 'production', client_nonce: 'n', redirect_uri: 'x' },
    })
    const { auth_url: url, state } = started.body.data as unknown as { auth_url: string; state: string }
    await ask(`${url.slice(site.url.length)}&user=somebody`)
    const polled = await ask('/v1/auth/oidc-dune/oidc/poll', { body: { state, client_nonce: 'n' } })
    const { client_token: stranger } = polled.body.auth as unknown as { client_token: string }
    const kept = { server: 'dune', refresh_token: 'rt.x' }
    assert.equal((await ask(credsPath, { token: stranger, body: kept })).status, 403)
  })

  it('gives no token more life for being asked to', async () => {
    for (const path of [credsPath, credsPath.replace('/creds/', '/sts/')]) {
      const { status, body } = await ask(`${path}?minimum_seconds=3600`, { token })
      assert.deepEqual([status, body.errors], [400, ['token expired']])
    }
  })

  const read = () => ask(`${credsPath}?minimum_seconds=60`, { token })
  const issuers = {
    'issuer-down': 'token expired',
    'issuer-unknown':
      'server "dune" has configuration problems: Get "https://dune.issuer.test/.well-known/openid-configuration": dial tcp: lookup dune.issuer.test: no such host',
    'issuer-refuses-vault':
      'refresh failed: server rejected request: invalid_client: Client authentication failed.',
    'login-revoked':
      'refresh failed: server rejected request: invalid_grant: The refresh token is not valid any more.',
  } as const
  for (const [fault, error] of Object.entries(issuers))
    it(`with ${fault}: says what the plugin says of its issuer, and gives tokens again afterwards`, async () => {
      site.setFaults({ [fault]: ['dune_production'] })
      const { status, body } = await read()
      assert.deepEqual([status, body.errors], [400, [error]])
      site.setFaults({})
      assert.equal((await read()).status, 200)
    })

  it('repeats the last refusal of the issuer while that is away, until it gives a token again', async () => {
    const errors = async () => String((await read()).body.errors)
    site.setFaults({ 'issuer-refuses-vault': ['dune_production'] })
    assert.match(await errors(), /invalid_client/)
    site.setFaults({ 'issuer-down': ['dune_production'] })
    assert.match(await errors(), /invalid_client/)
    site.setFaults({})
    assert.equal((await read()).status, 200)
    site.setFaults({ 'issuer-down': ['dune_production'] })
    assert.equal(await errors(), 'token expired')
  })

  it('refuses the vault tokens that it gave until then, and only those', async () => {
    const child = async (parent: string) => {
      const { body } = await ask('/v1/auth/token/create', { token: parent, body: { ttl: '600s' } })
      return (body.auth as unknown as { client_token: string }).client_token
    }
    const old = await child(token)
    site.setFaults({ 'vault-tokens-revoked': ['dune_production'] })
    assert.equal((await ask('/v1/auth/token/lookup-self', { token: old })).status, 403)
    site.setFaults({})
    assert.equal((await ask('/v1/auth/token/lookup-self', { token: old })).status, 200)
  })

  it('answers 429 to questions about a token alone', async () => {
    site.setFaults({ 'lookup-rate-limit': true })
    assert.equal((await ask('/v1/auth/token/lookup-self', { token })).status, 429)
    assert.equal((await read()).status, 200)
  })

  it('knows its tokens and refresh tokens after a restart', async () => {
    await site.restartVault()
    assert.equal((await ask('/v1/auth/token/lookup-self', { token })).status, 200)
    assert.equal((await ask(`${credsPath}?minimum_seconds=60`, { token })).status, 200)
  })

  it('refuses a client for the time of a rate limit, counts what it asks, and then serves again', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    site.setFaults({ 'vault-rate-limit': 60 })
    const path = '/v1/auth/token/lookup-self'
    const first = await ask(path, { token })
    assert.equal(first.status, 429)
    assert.deepEqual(first.body.errors, ['request path "auth/token/lookup-self": rate limit quota exceeded'])
    assert.equal((await ask(path, { token })).status, 429)
    assert.equal((await ask('/v1/sys/health')).status, 200, 'its health is never limited')
    const record = JSON.parse(
      readFileSync(join(site.layout.vault, 'rate-limit.json'), 'utf8'),
    ) as RateLimitRecord
    assert.deepEqual(record.refused, { '127.0.0.1': 2 })
    t.mock.timers.setTime(Date.parse(record.blockedUntil) - 1)
    assert.equal((await ask(path, { token })).status, 429)
    t.mock.timers.setTime(Date.parse(record.blockedUntil))
    assert.equal((await ask(path, { token })).status, 200)
  })

  it('serves a quota, then refuses for as long, however it is asked meanwhile, and begins anew', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    site.setFaults({ 'vault-quota': '3/300' })
    const asked = async (times: number) => {
      const statuses: number[] = []
      for (let time = 0; time < times; time++)
        statuses.push((await ask('/v1/auth/token/lookup-self', { token })).status)
      return statuses
    }
    assert.deepEqual(await asked(5), [200, 200, 200, 429, 429])
    t.mock.timers.tick(299_999)
    assert.deepEqual(await asked(1), [429])
    t.mock.timers.tick(1)
    assert.deepEqual(await asked(4), [200, 200, 200, 429])
  })

  it('resets connections while it is down, and hangs while it hangs', async () => {
    site.setFaults({ 'vault-down': true })
    await assert.rejects(ask('/v1/sys/health'), { code: 'ECONNRESET' })
    site.setFaults({ 'vault-hangs': true })
    const answered = ask('/v1/sys/health').then(
      () => 'answered',
      () => 'ended',
    )
    assert.equal(
      await Promise.race([answered, new Promise((resolve) => setTimeout(() => resolve('silent'), 300))]),
      'silent',
    )
    await site.restartVault()
    assert.equal(await answered, 'ended')
  })

  it('answers nothing but its health while it is sealed, and says so', async () => {
    site.setFaults({ 'vault-sealed': true })
    const health = await ask('/v1/sys/health')
    const other = await ask('/v1/auth/token/lookup-self')
    site.setFaults({})
    assert.deepEqual([health.status, health.body.sealed], [503, true])
    assert.deepEqual([other.status, other.body], [503, { errors: ['Vault is sealed'] }])
    assert.equal((await ask('/v1/sys/health')).status, 200)
  })

  it('shows a certificate that nobody trusts, and then its own again', async () => {
    site.setFaults({ 'vault-tls': true })
    await assert.rejects(ask('/v1/sys/health'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
    site.setFaults({})
    assert.equal((await ask('/v1/sys/health')).status, 200)
  })

  it('records every request with its principal and without a token', () => {
    const requests = site.vaultRequests()
    assert.ok(
      requests.some(
        (one) => one.path === login && one.status === 200 && one.principal?.startsWith('dunepro/'),
      ),
    )
    assert.equal(existsSync(join(site.layout.vault, 'books', 'books.jsonl')), true)
  })
})
