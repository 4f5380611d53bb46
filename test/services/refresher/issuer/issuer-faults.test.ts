/** A real issuer that is away, slow, busy or refuses: each time the reason, and who has to act. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { JWK } from 'oidc-provider'
import { type Faults, writeFaults } from '../../../../sandbox/faults.ts'
import { type Issuer, startIssuer } from '../../../../sandbox/issuer/start-issuer.ts'
import { layoutOf } from '../../../../sandbox/layout.ts'
import { makeTls } from '../../../../sandbox/tls.ts'
import { openIssuers } from '../../../../services/refresher/issuer/issuers.ts'
import {
  type FromIssuer,
  IssuerPause,
  tokenFromIssuer,
} from '../../../../services/refresher/issuer/token-from-issuer.ts'
import type { Bearer } from '../../../../shared/config/schema/deliver-schema.ts'
import type { IssuerConfig } from '../../../../shared/config/sections/issuers.ts'
import { Permanent, Transient } from '../../../../shared/contracts/errors.ts'
import { reasons } from '../../../../shared/contracts/reasons.ts'
import { z } from '../../../../shared/contracts/zod.ts'
import { readClaims } from '../../../../shared/tokens/jwt-claims.ts'
import { makeEntry } from '../../../support/entry.ts'
import { keepingInMemory, loginOf } from '../logins/in-memory.ts'

const secret = 'the-secret-of-the-client-in-this-test'
const audience = 'https://dcache.sandbox.test'
const bearer: Bearer = { scopes: ['storage.read:/cms'], audience: [audience], minSeconds: 600 }
const entry = makeEntry({ name: 'cms_production', service: 'cms_production', tokenGetter: 'oidc' })

const keys = generateKeyPairSync('rsa', { modulusLength: 2_048 })

describe('a token issuer', () => {
  let dir: string
  let issuer: Issuer
  let config: IssuerConfig
  const secretFile = () => join(dir, 'secret')

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'mt-issuer-'))
    const layout = layoutOf(dir)
    writeFaults(dir, {})
    const { mkdirSync } = await import('node:fs')
    mkdirSync(layout.vault)
    const tls = await makeTls(layout)
    issuer = await startIssuer({
      ...{ dir, tls, tokenSeconds: 1_200, refreshTokens: 'once' },
      clients: [
        { id: 'client', secret },
        { id: 'no-secret' },
        { id: 'by-key', keys: [keys.publicKey.export({ format: 'jwk' }) as JWK] },
      ],
      ...{ scopes: bearer.scopes, audiences: bearer.audience },
    })
    config = {
      ...{ url: issuer.url, clientId: 'client', caPath: layout.certificates },
      clientSecretFile: secretFile(),
    }
  })
  after(async () => {
    await issuer[Symbol.asyncDispose]()
    rmSync(dir, { recursive: true })
  })
  beforeEach(() => {
    writeFaults(dir, {})
    writeFileSync(secretFile(), `${secret}\n`)
  })

  const from = (change: Partial<FromIssuer> = {}): FromIssuer => ({
    ...{ config, grant: 'client_credentials', timeoutMs: 10_000, signal: new AbortController().signal },
    ...{ issuers: openIssuers(), keeping: keepingInMemory() },
    ...change,
  })

  interface Case {
    readonly faults?: Faults
    readonly grant?: FromIssuer['grant']
    readonly config?: () => Partial<IssuerConfig>
    readonly bearer?: Partial<Bearer>
    readonly timeoutMs?: number
    readonly login?: string
    readonly secret?: string
    readonly code: keyof typeof reasons
    readonly turn: 'experiment' | 'administrators' | 'nobody'
    readonly says: RegExp
  }

  const administrators = { turn: 'administrators' } as const
  const cases: Record<string, Case> = {
    'is down: it resets connections': {
      ...{ faults: { 'iam-down': true }, code: 'issuer-unreachable', ...administrators, says: /was reset/ },
    },
    'is down: nobody listens there': {
      config: () => ({ url: 'https://localhost:9' }),
      ...{ code: 'issuer-unreachable', ...administrators, says: /connection refused/ },
    },
    'has a name that is none': {
      config: () => ({ url: 'https://nowhere.invalid' }),
      ...{ code: 'issuer-unreachable', ...administrators, says: /no such host|name server/ },
    },
    hangs: {
      ...{ faults: { 'iam-hangs': true }, timeoutMs: 300, says: /did not answer within 0\.3 s/ },
      ...{ code: 'issuer-unreachable', ...administrators },
    },
    'hangs, and a login is at stake': {
      ...{ faults: { 'iam-hangs': true }, timeoutMs: 300, grant: 'refresh_token', login: 'x' },
      ...{ code: 'issuer-unreachable', ...administrators, says: /did not answer within 0\.3 s/ },
    },
    'wants to be left alone': {
      ...{ faults: { 'iam-rate-limit': 120 }, code: 'issuer-rate-limited', turn: 'nobody', says: /pause/ },
    },
    'answers with a server’s error': {
      ...{ faults: { 'iam-error': 500 }, code: 'issuer-unreachable', ...administrators, says: /status 500/ },
    },
    'is behind a proxy that does not reach it': {
      ...{ faults: { 'iam-error': 503 }, code: 'issuer-unreachable', ...administrators, says: /status 503/ },
    },
    'shows a certificate that nobody trusts': {
      config: () => ({ caPath: '/etc/ssl/certs/ca-certificates.crt' }),
      ...{ code: 'issuer-tls', ...administrators, says: /certificate/ },
    },
    'shows a certificate of an authority that is not ours': {
      ...{ faults: { 'iam-tls': 'unknown' }, code: 'issuer-tls', ...administrators, says: /certificate/ },
    },
    'shows a certificate that has expired': {
      ...{ faults: { 'iam-tls': 'expired' }, code: 'issuer-tls', ...administrators, says: /expired/ },
    },
    'says that it is another one': {
      ...{ faults: { 'iam-answers': 'another-issuer' }, says: /calls itself another issuer/ },
      ...{ code: 'issuer-misconfigured', ...administrators },
    },
    'wants to be asked without TLS': {
      ...{ faults: { 'iam-answers': 'insecure' }, says: /without TLS/ },
      ...{ code: 'issuer-misconfigured', ...administrators },
    },
    'leads to another host': {
      ...{ faults: { 'iam-answers': 'redirect' }, says: /redirect \(status 307\)/ },
      ...{ code: 'issuer-misconfigured', ...administrators },
    },
    'has moved': {
      ...{ faults: { 'iam-answers': 'moved' }, says: /redirect \(status 307\)/ },
      ...{ code: 'issuer-misconfigured', ...administrators },
    },
    'answers with what is no JSON': {
      ...{ faults: { 'iam-answers': 'garbage' }, says: /its answer cannot be read/ },
      ...{ code: 'issuer-unreachable', ...administrators },
    },
    'answers with 10 MB': {
      ...{ faults: { 'iam-answers': 'endless' }, says: /the answer is too long/ },
      ...{ code: 'issuer-unreachable', ...administrators },
    },
    'answers without a token': {
      ...{ faults: { 'iam-answers': 'no-token' }, says: /its answer cannot be read/ },
      ...{ code: 'issuer-unreachable', ...administrators },
    },
    'gives a token of another type': {
      ...{ faults: { 'iam-answers': 'other-type' }, says: /another type/ },
      ...{ code: 'issuer-misconfigured', ...administrators },
    },
    'gives a token of which nobody knows when it ends': {
      ...{ faults: { 'iam-answers': 'opaque-no-expiry' }, says: /does not say when its token ends/ },
      ...{ code: 'issuer-misconfigured', ...administrators },
    },
    'is another one than the configuration says': {
      config: () => ({ url: `https://127.0.0.1:${issuer.port}` }),
      ...{ code: 'issuer-misconfigured', ...administrators, says: /calls itself another issuer/ },
    },
    'has no such page: the path is wrong': {
      config: () => ({ url: `${issuer.url}/realms/cms` }),
      ...{ code: 'issuer-misconfigured', ...administrators, says: /invalid_request|status 404/ },
    },
    'does not take our secret': {
      ...{ secret: 'an-old-secret', code: 'issuer-misconfigured', ...administrators, says: /invalid_client/ },
    },
    'does not know our client': {
      config: () => ({ clientId: 'nobody' }),
      ...{ code: 'issuer-misconfigured', ...administrators, says: /invalid_client/ },
    },
    'does not take our secret, as it says with a challenge alone': {
      ...{ faults: { 'iam-refuses': 'invalid_client' }, says: /invalid_client/ },
      ...{ code: 'issuer-misconfigured', ...administrators },
    },
    'gets no secret, since its file is not there': {
      config: () => ({ clientSecretFile: '/nowhere/secret' }),
      ...{ code: 'issuer-misconfigured', ...administrators, says: /\/nowhere\/secret is not there/ },
    },
    'gets no key, since its file holds something else': {
      config: () => ({ clientSecretFile: undefined, clientKeyFile: secretFile() }) as Partial<IssuerConfig>,
      ...{ code: 'issuer-misconfigured', ...administrators, says: /holds no private key/ },
    },
    'does not know the refresh token': {
      ...{ grant: 'refresh_token', login: 'unknown', code: 'authentication-needed' },
      ...{ turn: 'experiment', says: /invalid_grant \(grant request is invalid\)/ },
    },
    'is one where nobody has logged in': {
      ...{ grant: 'refresh_token', code: 'authentication-needed', turn: 'experiment', says: /has logged in/ },
    },
    'does not give the scope': {
      ...{ bearer: { scopes: ['storage.modify:/'] }, says: /invalid_scope/ },
      ...{ code: 'bearer-refused', ...administrators },
    },
    'does not give the scope in trade': {
      ...{ bearer: { scopes: ['storage.modify:/'] }, grant: 'token_exchange', says: /invalid_scope/ },
      ...{ code: 'bearer-refused', ...administrators },
    },
    'does not know the audience': {
      ...{ bearer: { audience: ['https://elsewhere.test'] }, says: /invalid_target/ },
      ...{ code: 'bearer-refused', ...administrators },
    },
    'has a clock ten minutes ahead': {
      ...{ faults: { 'iam-clock': 600 }, code: 'clock-skew', ...administrators, says: /more than a minute/ },
    },
    'has a clock ten minutes behind': {
      ...{ faults: { 'iam-clock': -600 }, code: 'clock-skew', ...administrators, says: /more than a minute/ },
    },
  }

  for (const [what, one] of Object.entries(cases))
    it(`${what}: ${one.code}, for ${one.turn}`, async () => {
      writeFaults(dir, one.faults ?? {})
      if (one.secret) writeFileSync(secretFile(), one.secret)
      const asked = from({
        config: { ...config, ...one.config?.() },
        ...(one.grant && { grant: one.grant }),
        ...(one.timeoutMs && { timeoutMs: one.timeoutMs }),
        keeping: keepingInMemory(
          one.login ? [loginOf({ entry: entry.name, issuer: issuer.url, refreshToken: one.login })] : [],
        ),
      })
      const error = await tokenFromIssuer(entry, { ...bearer, ...one.bearer }, asked).then(
        () => assert.fail('a token was given'),
        (thrown: unknown) => thrown,
      )
      assert.ok(error instanceof Permanent || error instanceof Transient, String(error))
      assert.equal(error.failure.code, one.code, error.message)
      assert.equal(reasons[one.code].turn, one.turn)
      assert.match(error.message, one.says)
      assert.equal(error instanceof Permanent, 'permanent' in reasons[one.code])
      assert.ok(!JSON.stringify(error.failure).includes(secret))
    })

  it('gives a token that says for itself when it ends, or says so beside it', async () => {
    for (const kind of ['no-expiry', 'opaque'] as const) {
      writeFaults(dir, { 'iam-answers': kind })
      const { token, expiry } = await tokenFromIssuer(entry, bearer, from())
      assert.equal(readClaims(token, z.object({})) === undefined, kind === 'opaque')
      const leftMs = expiry.getTime() - Date.now()
      assert.ok(leftMs > 1_000_000 && leftMs <= 1_201_000, `${kind}: ${leftMs} ms are left`)
    }
  })

  it('is left alone for as long as it says', async () => {
    writeFaults(dir, { 'iam-rate-limit': 120 })
    const asked = tokenFromIssuer(entry, bearer, from())
    const paused = await asked.catch((error: unknown) => error)
    assert.ok(paused instanceof IssuerPause)
    assert.ok((paused.retryAfterMs ?? 0) > 100_000, String(paused.retryAfterMs))
  })

  it('gives a token that says what was asked for, and after a rollover of its keys too', async () => {
    const issuers = openIssuers()
    const kinds = z.object({ kid: z.string() })
    const seen = []
    for (const faults of [{}, { 'iam-rollover': true }]) {
      writeFaults(dir, faults)
      const { token, expiry } = await tokenFromIssuer(entry, bearer, from({ issuers }))
      const claims = readClaims(token, z.record(z.string(), z.unknown()))
      assert.deepEqual(
        [claims?.scope, claims?.aud, claims?.['wlcg.ver']],
        ['storage.read:/cms', audience, '1.0'],
      )
      assert.equal(expiry.getTime(), Number(claims?.exp) * 1_000)
      seen.push(kinds.parse(JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())).kid)
    }
    assert.deepEqual(seen, ['iam-1', 'iam-2'])
  })

  it('takes a new secret of the client without anything being opened anew', async () => {
    const issuers = openIssuers()
    writeFileSync(secretFile(), 'an-old-secret')
    await assert.rejects(tokenFromIssuer(entry, bearer, from({ issuers })), Permanent)
    writeFileSync(secretFile(), secret)
    await tokenFromIssuer(entry, bearer, from({ issuers }))
  })

  it('takes a key in place of a secret, as PEM and as JWK', async () => {
    const { clientSecretFile: _, ...rest } = config
    const byKey = { ...rest, clientId: 'by-key', clientKeyFile: secretFile() }
    const forms = [
      keys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
      JSON.stringify(keys.privateKey.export({ format: 'jwk' })),
    ]
    for (const form of forms) {
      writeFileSync(secretFile(), form)
      await tokenFromIssuer(entry, bearer, from({ config: byKey }))
    }
    const other = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey
    writeFileSync(secretFile(), other.export({ format: 'pem', type: 'pkcs8' }))
    await assert.rejects(tokenFromIssuer(entry, bearer, from({ config: byKey })), /invalid_client/)
  })

  it('gives a token in trade for another', async () => {
    const { token } = await tokenFromIssuer(entry, bearer, from({ grant: 'token_exchange' }))
    assert.equal(readClaims(token, z.object({ aud: z.string() }))?.aud, audience)
  })
})
