/** `/v1/auth/…`: logins by Kerberos ticket or by a person's browser, and what a vault token may ask about itself. */
import { randomBytes } from 'node:crypto'
import { isAffected, readFaults } from '../fault-file.ts'
import type { VaultToken } from './books.ts'
import { permissionDenied, Refusal } from './refusal.ts'
import { credkeyOf, personOf, type VaultAnswer, type VaultParts, type VaultRequest } from './types.ts'

/** POST `/v1/auth/kerberos-<issuer>_<role>/login`: only a principal of this service gets a token, and only for this service. */
export async function logInByTicket(
  parts: VaultParts,
  request: VaultRequest,
  issuer: string,
  role: string,
): Promise<VaultAnswer> {
  const [, ticket] = /^Negotiate\s+(\S+)$/i.exec(request.headers.authorization ?? '') ?? []
  if (!ticket) throw ticketRefused()
  if (isAffected(readFaults(parts.dir)['ticket-refused'], `${issuer}_${role}`)) throw ticketRefused()
  const principal = await parts.tickets.check(ticket).catch(() => {
    throw ticketRefused()
  })
  request.setPrincipal(principal)
  if (
    !parts.services.some(
      (service) => service.issuer === issuer && service.role === role && service.principal === principal,
    )
  ) {
    throw permissionDenied()
  }
  const token = parts.books.issue(
    { madeBy: 'kerberos', principal, issuer, role, policies: ['default', `kerberos-${issuer}_${role}`] },
    parts.lifetimes.vaultToken,
  )
  return { status: 200, body: { auth: describeAuth(token) } }
}

/** Without a word of why, whatever is wrong with the ticket. */
const ticketRefused = () => new Refusal(401, undefined, { 'WWW-Authenticate': 'Negotiate' })

/** POST `/v1/auth/token/create`: a token with the same rights or fewer, and with a life of its own. */
export function createToken(parts: VaultParts, request: VaultRequest): VaultAnswer {
  const parent = requireToken(parts, request)
  const asked = request.body.policies as string[] | undefined
  if (asked?.some((policy) => !parent.policies.includes(policy))) {
    throw new Refusal(400, ['child policies must be subset of parent'])
  }
  const ttl = request.body.ttl === undefined ? parts.lifetimes.vaultToken : readSeconds(request.body.ttl)
  const { token: _, issuedAt: __, expiresAt: ___, ...rights } = parent
  const token = parts.books.issue(
    { ...rights, policies: asked ?? parent.policies },
    Math.min(ttl, parts.lifetimes.vaultToken),
  )
  return { status: 200, body: { auth: describeAuth(token) } }
}

/** GET `/v1/auth/token/lookup-self`. */
export function lookUpSelf(parts: VaultParts, request: VaultRequest): VaultAnswer {
  if (readFaults(parts.dir)['lookup-rate-limit'])
    throw new Refusal(429, [`request path "${request.path}": rate limit quota exceeded`])
  const token = requireToken(parts, request)
  const data = {
    ttl: Math.floor((token.expiresAt - Date.now()) / 1000),
    creation_time: Math.floor(token.issuedAt / 1000),
    expire_time: new Date(token.expiresAt).toISOString(),
    display_name: 'token',
    policies: token.policies,
    renewable: false,
    type: 'service',
  }
  return { status: 200, body: { data } }
}

/** POST `/v1/auth/token/revoke-self`. */
export function revokeSelf(parts: VaultParts, request: VaultRequest): VaultAnswer {
  parts.books.revoke(requireToken(parts, request).token)
  return { status: 204 }
}

/** POST `/v1/auth/oidc-<issuer>/oidc/auth_url`: begins a login that a person completes at the URL in the answer. */
export function startDeviceLogin(parts: VaultParts, request: VaultRequest, issuer: string): VaultAnswer {
  const { role, client_nonce: clientNonce } = request.body
  if (typeof role !== 'string' || typeof clientNonce !== 'string')
    throw new Refusal(400, ['missing role or client_nonce'])
  if (!parts.services.some((service) => service.issuer === issuer)) throw permissionDenied()
  if (!parts.services.some((service) => service.issuer === issuer && service.role === role)) {
    throw new Refusal(400, [`role "${role}" could not be found`])
  }
  const login = parts.logins.start({ issuer, role, clientNonce })
  const data = {
    auth_url: `${parts.url}/device?user_code=${login.userCode}`,
    user_code: login.userCode,
    state: login.state,
    poll_interval: String(parts.lifetimes.poll),
  }
  return { status: 200, body: { data } }
}

/**
 * GET `/device?user_code=CODE[&user=NAME]`: opening it *is* the login, by a person in a browser or by a test; of whom the
 * service's login has to be, unless it says whose.
 */
export function completeDeviceLogin(parts: VaultParts, request: VaultRequest): VaultAnswer {
  const code = request.query.get('user_code') ?? ''
  const login = parts.logins.complete(code, ({ issuer, role }) => {
    const service = parts.services.find((one) => one.issuer === issuer && one.role === role)
    return request.query.get('user') ?? personOf(credkeyOf(service?.principal ?? 'nobody'))
  })
  if (!login) return { status: 404, html: '<p>No login waits for this code.</p>' }
  request.setPrincipal(login.user)
  return {
    status: 200,
    html: `<p>Logged in for ${login.issuer}, role ${login.role}. You may close this page.</p>`,
  }
}

/** POST `/v1/auth/oidc-<issuer>/oidc/poll`: 400 until the person has logged in. */
export function pollDeviceLogin(parts: VaultParts, request: VaultRequest): VaultAnswer {
  const { state, client_nonce: clientNonce } = request.body
  const login = parts.logins.find(String(state), String(clientNonce))
  if (!login) throw new Refusal(400, ['OpenBao login failed. Expired or missing OAuth state.'])
  const sincePoll = Date.now() - login.lastPoll
  login.lastPoll = Date.now()
  if (login.user === undefined) {
    // A little early is forgiven: clients round their sleeps.
    throw new Refusal(400, [sincePoll < parts.lifetimes.poll * 900 ? 'slow_down' : 'authorization_pending'])
  }
  parts.logins.end(login)
  request.setPrincipal(login.user)
  const { issuer, role, user: principal } = login
  const token = parts.books.issue(
    { madeBy: 'oidc', principal, issuer, role, policies: ['default', `oidc-${issuer}_${role}`] },
    parts.lifetimes.vaultToken,
  )
  const metadata = {
    credkey: principal,
    oauth2_refresh_token: `rt.${randomBytes(30).toString('base64url')}`,
    role,
  }
  return { status: 200, body: { auth: { ...describeAuth(token), metadata } } }
}

/** The live token of a request. @throws Refusal */
export function requireToken(parts: VaultParts, request: VaultRequest): VaultToken {
  const token = parts.books.find(request.headers.vaultToken ?? '')
  if (!token || parts.revoked.includes(token)) throw permissionDenied()
  request.setPrincipal(token.principal)
  return token
}

function describeAuth(token: VaultToken) {
  const lease = Math.round((token.expiresAt - token.issuedAt) / 1000)
  return {
    client_token: token.token,
    policies: token.policies,
    lease_duration: lease,
    renewable: false,
    token_type: 'service',
  }
}

function readSeconds(ttl: unknown): number {
  const [, count, unit] = /^(\d+)([smh]?)$/.exec(String(ttl)) ?? []
  if (!count) throw new Refusal(400, [`error parsing ttl: invalid duration "${String(ttl)}"`])
  return Number(count) * { '': 1, s: 1, m: 60, h: 3600 }[unit as '' | 's' | 'm' | 'h']
}
