/** Real signed bearer tokens (RS256, which every door takes) with the WLCG claims, and the documents that publish the key. */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  randomUUID,
  sign,
} from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Books } from './books.ts'
import { Refusal } from './refusal.ts'
import { isWithin } from './scopes.ts'

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

export interface BearerLimits {
  readonly scopes: string | undefined
  readonly audiences: string | undefined
  /** The least life (seconds). */
  readonly least: number
}

export interface BearerIssuer {
  /**
   * The token with all rights of its owner; one with less than `leastSeconds` left is not given out again. None lives longer
   * for being asked to. @throws Refusal
   */
  give(owner: BearerOwner, leastSeconds: number): GivenBearer
  /**
   * A token with fewer rights, for fewer: new each time, and none with more than its owner has. Lists are separated by
   * commas; what is absent stays as it is. @throws Refusal
   */
  exchange(owner: BearerOwner, limits: BearerLimits): GivenBearer
  openidConfiguration(issuer: string): unknown
  jwks(): unknown
}

const keyId = 'sandbox-1'
const anyAudience = 'https://wlcg.cern.ch/jwt/v1/any'
const fullScopes = [
  ...['compute.cancel', 'compute.create', 'compute.modify', 'compute.read'],
  ...['storage.create:/', 'storage.modify:/', 'storage.read:/', 'storage.stage:/'],
]

/** Kept, so that tokens stay good over a restart. */
const keyFile = (dir: string) => join(dir, 'vault', 'books', 'issuer-key.pem')

/** Signs with the key that `makeIssuerKey` left. `baseUrl` is the root of the issuers' URLs. */
export function createBearerIssuer(
  dir: string,
  baseUrl: string,
  lifetimeSeconds: number,
  books: Books,
): BearerIssuer {
  const key = createPrivateKey(readFileSync(keyFile(dir)))
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

  const mustLive = (leastSeconds: number) => {
    if (leastSeconds >= lifetimeSeconds) throw new Refusal(400, ['token expired'])
  }

  return {
    give(owner, leastSeconds) {
      const cacheKey = JSON.stringify(owner)
      const now = Math.floor(Date.now() / 1000)
      const before = given.get(cacheKey)
      if (before && before.expiresAt - now > leastSeconds)
        return { accessToken: before.accessToken, secondsLeft: before.expiresAt - now }
      mustLive(leastSeconds)
      const made = issue(owner, lifetimeSeconds, fullScopes.join(' '), anyAudience)
      given.set(cacheKey, { accessToken: made.accessToken, expiresAt: now + made.secondsLeft })
      return made
    },
    exchange(owner, { scopes, audiences, least }) {
      mustLive(least)
      const asked = scopes === undefined ? fullScopes : listOf(scopes)
      const beyond = asked.find((scope) => !isWithin(scope, fullScopes))
      if (beyond !== undefined)
        throw new Refusal(400, [
          `exchange failed: server rejected request: invalid_scope: Scope ${beyond} is not granted.`,
        ])
      const audience = audiences === undefined ? anyAudience : listOf(audiences)
      return issue(owner, lifetimeSeconds, asked.join(' '), audience)
    },
    openidConfiguration: (issuer) => ({
      issuer: issuerUrl(issuer),
      jwks_uri: `${issuerUrl(issuer)}/jwks`,
      id_token_signing_alg_values_supported: ['RS256'],
    }),
    jwks: () => ({
      keys: [{ ...createPublicKey(key).export({ format: 'jwk' }), kid: keyId, alg: 'RS256', use: 'sig' }],
    }),
  }
}

function signJwt(claims: unknown, key: KeyObject): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ typ: 'JWT', alg: 'RS256', kid: keyId })}.${part(claims)}`
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`
}

/** Makes the key that issuers sign with, where there is none yet. */
export async function makeIssuerKey(dir: string): Promise<void> {
  const file = keyFile(dir)
  if (existsSync(file)) return
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
}
