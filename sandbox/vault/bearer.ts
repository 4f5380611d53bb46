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
import { isWithin } from './scopes.ts'
import { Refusal } from './types.ts'

/** Whose token. */
export interface BearerOwner {
  readonly issuer: string
  readonly role: string
  readonly subject: string
}

export interface GivenBearer {
  readonly accessToken: string
  readonly secondsLeft: number
}

export interface BearerIssuer {
  /** The token with all rights of its owner; one with less than `minimumSeconds` left is not given out again. */
  give(owner: BearerOwner, minimumSeconds: number): GivenBearer
  /**
   * A token with fewer rights, for fewer: new each time, and none with more than its owner has. Lists are separated by
   * commas; what is absent stays as it is. @throws Refusal
   */
  exchange(owner: BearerOwner, scopes: string | undefined, audiences: string | undefined): GivenBearer
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
  const listOf = (text: string) => text.split(/[ ,]/).filter(Boolean)

  const issue = (
    { issuer, role, subject }: BearerOwner,
    seconds: number,
    scope: string,
    audience: string | readonly string[],
  ): GivenBearer => {
    const now = Math.floor(Date.now() / 1000)
    const claims = {
      'wlcg.ver': '1.0',
      iss: issuerUrl(issuer),
      sub: subject,
      aud: audience,
      scope,
      'wlcg.groups': [`/${issuer}`, `/${issuer}/${role}`],
      iat: now,
      nbf: now,
      exp: now + seconds,
      jti: randomUUID(),
    }
    const accessToken = signJwt(claims, key)
    books.list(accessToken, 'bearer', `${issuer}_${role}`)
    return { accessToken, secondsLeft: seconds }
  }

  return {
    give(owner, minimumSeconds) {
      const cacheKey = JSON.stringify(owner)
      const now = Math.floor(Date.now() / 1000)
      const before = given.get(cacheKey)
      if (before && before.expiresAt - now > minimumSeconds)
        return { accessToken: before.accessToken, secondsLeft: before.expiresAt - now }
      const made = issue(owner, Math.max(lifetimeSeconds, minimumSeconds + 60), fullScopes, anyAudience)
      given.set(cacheKey, { accessToken: made.accessToken, expiresAt: now + made.secondsLeft })
      return made
    },
    exchange(owner, scopes, audiences) {
      const asked = scopes === undefined ? listOf(fullScopes) : listOf(scopes)
      const beyond = asked.find((scope) => !isWithin(scope, listOf(fullScopes)))
      if (beyond !== undefined)
        throw new Refusal(400, [`exchange failed: oauth2: "invalid_scope" "scope ${beyond} is not granted"`])
      const audience = audiences === undefined ? anyAudience : listOf(audiences)
      return issue(owner, lifetimeSeconds, asked.join(' '), audience)
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
