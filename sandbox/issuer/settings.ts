/** How the library is set up: the grants and the tokens of an INDIGO IAM, JWTs (RS256) of WLCG's profile among them. */

import { randomBytes } from 'node:crypto'
import {
  type Configuration,
  errors,
  type JWK,
  type KoaContextWithOIDC,
  type ResourceServer,
} from 'oidc-provider'
import { readFaults } from '../fault-file.ts'
import { anyAudience } from './any-audience.ts'
import { exchangeGrant } from './exchange-grant.ts'
import { keyIds } from './signing-keys.ts'
import { openStores } from './store.ts'

export interface IssuerClient {
  readonly id: string
  /** Its secret; absent: it proves itself by `keys`, or not at all. */
  readonly secret?: string
  /** Public keys for `private_key_jwt`. */
  readonly keys?: readonly JWK[]
}

export interface IssuerOptions {
  /** The sandbox's directory: `faults.json` is read at each question. */
  readonly dir: string
  readonly clients: readonly IssuerClient[]
  /** What it gives; every other scope and audience is refused. */
  readonly scopes: readonly string[]
  readonly audiences: readonly string[]
  readonly tokenSeconds: number
  /** Each use gives a new one. `once`: a second use of the same ends the login. `grace`: it is forgiven for a while. */
  readonly refreshTokens: 'once' | 'grace'
}

/** As long as some issuers forgive a second use. */
const graceMs = 60_000

const grantTypes = ['client_credentials', 'refresh_token', exchangeGrant]
const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'

export function issuerSettings(options: IssuerOptions, keys: readonly JWK[]): Configuration {
  return {
    adapter: openStores(options.refreshTokens === 'grace' ? graceMs : 0),
    clients: options.clients.map(clientSettings),
    cookies: { keys: [randomBytes(16).toString('hex')] },
    jwks: { keys: [...keys] },
    scopes: ['openid', 'offline_access'],
    responseTypes: ['code'],
    rotateRefreshToken: true,
    ttl: {
      ...{ AccessToken: options.tokenSeconds, ClientCredentials: options.tokenSeconds },
      ...{ DeviceCode: 600, Grant: 28 * 86_400, RefreshToken: 28 * 86_400, Session: 86_400 },
      ...{ IdToken: 3_600, Interaction: 600 },
    },
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    features: {
      devInteractions: { enabled: false },
      deviceFlow: { enabled: true },
      clientCredentials: { enabled: true },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
      resourceIndicators: {
        enabled: true,
        // As WLCG's issuers: the audience under its own name, and a token for anybody where none is asked for.
        defaultResource: (ctx, _client, oneOf) =>
          oneOf?.find((one) => one === anyAudience) ?? askedAudience(ctx),
        useGrantedResource: () => true,
        getResourceServerInfo: resourceServers(options),
      },
    },
    formats: {
      customizers: { jwt: (_ctx, token, jwt) => addWlcgClaims(options.dir, token.clientId ?? '', jwt) },
    },
  }
}

/** How tokens for an audience are made; refuses those that the issuer does not give. */
export const resourceServers =
  (options: IssuerOptions) =>
  (ctx: KoaContextWithOIDC, resource: string): ResourceServer => {
    mustBeGiven(ctx, resource, options)
    return {
      scope: options.scopes.join(' '),
      audience: resource,
      accessTokenTTL: options.tokenSeconds,
      accessTokenFormat: 'jwt',
      jwt: { sign: { alg: 'RS256', kid: keyIds[readFaults(options.dir)['iam-rollover'] ? 1 : 0] } },
    }
  }

const clientSettings = ({ id, secret, keys }: IssuerClient) => ({
  client_id: id,
  grant_types: [...grantTypes, deviceGrant],
  redirect_uris: [],
  response_types: [],
  ...(secret
    ? { client_secret: secret, token_endpoint_auth_method: 'client_secret_basic' as const }
    : keys
      ? {
          token_endpoint_auth_method: 'private_key_jwt' as const,
          jwks: { keys: [...keys] },
        }
      : {
          token_endpoint_auth_method: 'none' as const,
          grant_types: ['refresh_token', deviceGrant],
        }),
})

const bodyOf = ({ oidc }: KoaContextWithOIDC) => (oidc.body ?? {}) as Record<string, unknown>
const askedAudience = (ctx: KoaContextWithOIDC) => (bodyOf(ctx).audience as string | undefined) ?? anyAudience

/** The library leaves out what it does not know; an IAM refuses it. */
function mustBeGiven(ctx: KoaContextWithOIDC, resource: string, { scopes, audiences }: IssuerOptions): void {
  const asked = String(bodyOf(ctx).scope ?? '')
    .split(' ')
    .filter(Boolean)
  const unknown = asked.find((one) => !['offline_access', 'openid', ...scopes].includes(one))
  if (unknown) throw new errors.InvalidScope('requested scope is not allowed', unknown)
  if (![anyAudience, ...audiences].includes(resource))
    throw new errors.InvalidTarget(`audience ${resource} is not known here`)
}

/** The library gives no `nbf`, and knows nothing of WLCG. */
function addWlcgClaims(dir: string, client: string, { payload }: { payload: object }): void {
  const { iat, exp } = payload as { iat: number; exp: number }
  const apart = readFaults(dir)['iam-clock'] ?? 0
  const times = { iat: iat + apart, nbf: iat + apart, exp: exp + apart }
  Object.assign(payload, times, { 'wlcg.ver': '1.0', 'wlcg.groups': [`/${client}`] })
}
