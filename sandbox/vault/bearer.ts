/** Real signed bearer tokens (ES256) with the WLCG claims, and the documents that publish the key. */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign,
} from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Books } from './books.ts'

export interface BearerRequest {
  readonly issuer: string
  readonly role: string
  readonly subject: string
  readonly scopes?: string | undefined
  readonly audiences?: string | undefined
  /** A token with less time left is not given out again. */
  readonly minimumSeconds: number
}

export interface BearerIssuer {
  /** The token, and how many seconds it lives. */
  give(request: BearerRequest): { readonly accessToken: string; readonly secondsLeft: number }
  openidConfiguration(issuer: string): unknown
  jwks(): unknown
}

const keyId = 'sandbox-1'
const anyAudience = 'https://wlcg.cern.ch/jwt/v1/any'
const fullScopes = 'compute.cancel compute.create compute.modify compute.read storage.create:/ storage.read:/'

/** Signs with a key kept in `<dir>/vault`, so that tokens stay good over a restart. `baseUrl` is the root of the issuers' URLs. */
export function createBearerIssuer(
  dir: string,
  baseUrl: string,
  lifetimeSeconds: number,
  books: Books,
): BearerIssuer {
  const key = loadKey(join(dir, 'vault', 'books', 'issuer-key.pem'))
  const given = new Map<string, { accessToken: string; expiresAt: number }>()
  const issuerUrl = (issuer: string) => `${baseUrl}/${issuer}`

  return {
    give(request) {
      const { minimumSeconds, ...what } = request
      const cacheKey = JSON.stringify(what)
      const now = Math.floor(Date.now() / 1000)
      const before = given.get(cacheKey)
      if (before && before.expiresAt - now > minimumSeconds)
        return { accessToken: before.accessToken, secondsLeft: before.expiresAt - now }
      const lifetime = Math.max(lifetimeSeconds, minimumSeconds + 60)
      const claims = {
        'wlcg.ver': '1.0',
        iss: issuerUrl(request.issuer),
        sub: request.subject,
        aud: request.audiences?.split(/[ ,]/) ?? anyAudience,
        scope: request.scopes?.replaceAll(',', ' ') ?? fullScopes,
        'wlcg.groups': [`/${request.issuer}`, `/${request.issuer}/${request.role}`],
        iat: now,
        nbf: now,
        exp: now + lifetime,
        jti: randomUUID(),
      }
      const accessToken = signJwt(claims, key)
      books.list(accessToken, 'bearer', `${request.issuer}_${request.role}`)
      given.set(cacheKey, { accessToken, expiresAt: claims.exp })
      return { accessToken, secondsLeft: lifetime }
    },
    openidConfiguration: (issuer) => ({
      issuer: issuerUrl(issuer),
      jwks_uri: `${issuerUrl(issuer)}/jwks`,
      id_token_signing_alg_values_supported: ['ES256'],
    }),
    jwks: () => ({
      keys: [{ ...createPublicKey(key).export({ format: 'jwk' }), kid: keyId, alg: 'ES256', use: 'sig' }],
    }),
  }
}

function signJwt(claims: unknown, key: KeyObject): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ typ: 'JWT', alg: 'ES256', kid: keyId })}.${part(claims)}`
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })
  return `${signed}.${signature.toString('base64url')}`
}

function loadKey(file: string): KeyObject {
  if (!existsSync(file)) {
    mkdirSync(join(file, '..'), { recursive: true, mode: 0o700 })
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  }
  return createPrivateKey(readFileSync(file))
}
