/** Which path does what, in one table, and what becomes of a request that no path takes. */
import * as auth from './auth-paths.ts'
import { permissionDenied, Refusal } from './refusal.ts'
import * as secret from './secret-paths.ts'
import type { VaultAnswer, VaultParts, VaultRequest } from './types.ts'

type Answer = (
  parts: VaultParts,
  request: VaultRequest,
  ...found: string[]
) => VaultAnswer | Promise<VaultAnswer>

const name = ([issuer = '', credkey = '', role = '']: readonly string[]) => ({ issuer, credkey, role })
const secretName = '([^/]+)/(.+):([^:/]+)'

const paths: readonly (readonly [method: string, path: RegExp, answer: Answer])[] = [
  [
    'POST',
    /^\/v1\/auth\/kerberos-([^/_]+)_([^/_]+)\/login$/,
    (p, r, issuer = '', role = '') => auth.logInByTicket(p, r, issuer, role),
  ],
  ['POST', /^\/v1\/auth\/token\/create$/, auth.createToken],
  ['GET', /^\/v1\/auth\/token\/lookup-self$/, auth.lookUpSelf],
  ['POST', /^\/v1\/auth\/token\/revoke-self$/, auth.revokeSelf],
  [
    'POST',
    /^\/v1\/auth\/oidc-([^/]+)\/oidc\/auth_url$/,
    (p, r, issuer = '') => auth.startDeviceLogin(p, r, issuer),
  ],
  ['POST', /^\/v1\/auth\/oidc-[^/]+\/oidc\/poll$/, auth.pollDeviceLogin],
  ['GET', /^\/device$/, auth.completeDeviceLogin],
  [
    'GET',
    new RegExp(`^/v1/secret/oauth/creds/${secretName}$`),
    (p, r, ...found) => secret.readBearer(p, r, name(found)),
  ],
  [
    'GET',
    new RegExp(`^/v1/secret/oauth/sts/${secretName}$`),
    (p, r, ...found) => secret.exchangeBearer(p, r, name(found)),
  ],
  [
    'POST',
    new RegExp(`^/v1/secret/oauth/creds/${secretName}$`),
    (p, r, ...found) => secret.keepRefreshToken(p, r, name(found)),
  ],
  [
    'DELETE',
    new RegExp(`^/v1/secret/oauth/creds/${secretName}$`),
    (p, r, ...found) => secret.dropRefreshToken(p, r, name(found)),
  ],
  [
    'GET',
    /^(?:\/([^/]+))?\/\.well-known\/openid-configuration$/,
    (p, _, issuer = '') => ok(p.bearers.openidConfiguration(issuer)),
  ],
  ['GET', /^(?:\/[^/]+)?\/jwks$/, (p) => ok(p.bearers.jwks())],
  ['GET', /^\/v1\/sys\/health$/, () => ok({ initialized: true, sealed: false, standby: false })],
]

/** The answer to a request; never rejects. */
export async function answerRequest(parts: VaultParts, request: VaultRequest): Promise<VaultAnswer> {
  try {
    for (const [method, path, answer] of paths) {
      const found = method === request.method && path.exec(request.path)
      if (found) return await answer(parts, request, ...found.slice(1))
    }
    // It does not say which paths there are to whoever may not ask.
    throw permissionDenied()
  } catch (error) {
    if (error instanceof Refusal)
      return { status: error.status, body: { errors: error.errors }, headers: error.headers }
    return { status: 500, body: { errors: ['internal error'] } }
  }
}

const ok = (body: unknown): VaultAnswer => ({ status: 200, body })
