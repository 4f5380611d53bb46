/** `/v1/secret/oauth/…`: bearer tokens for those whose refresh token is kept here, and the keeping of refresh tokens. */
import { isAffected, readFaults } from '../fault-file.ts'
import { requireToken } from './auth-paths.ts'
import type { BearerOwner, GivenBearer } from './bearer.ts'
import { refreshTokenFromTheStart, type VaultToken } from './books.ts'
import { permissionDenied, Refusal } from './refusal.ts'
import { credkeyOf, personOf, type VaultAnswer, type VaultParts, type VaultRequest } from './types.ts'

/** What a secret path names: `<issuer>/<credkey>:<role>`. The credkey of a robot holds slashes. */
export interface SecretName {
  readonly issuer: string
  readonly credkey: string
  readonly role: string
}

export const secretPath = (name: SecretName) => `${name.issuer}/${name.credkey}:${name.role}`

/** GET `/v1/secret/oauth/creds/<name>`: with all rights; scopes and audiences are not looked at here. */
export function readBearer(parts: VaultParts, request: VaultRequest, name: SecretName): VaultAnswer {
  const owner = requireOwner(parts, request, name)
  const { least } = limitsOf(request)
  return answerWith(name, parts.bearers.give(owner, least))
}

/** GET `/v1/secret/oauth/sts/<name>`: with fewer scopes or audiences, never more. */
export function exchangeBearer(parts: VaultParts, request: VaultRequest, name: SecretName): VaultAnswer {
  const owner = requireOwner(parts, request, name)
  parts.issuerFaults.mustExchange(serviceOf(name))
  return answerWith(name, parts.bearers.exchange(owner, limitsOf(request)))
}

const limitsOf = ({ query }: VaultRequest) => ({
  scopes: query.get('scopes') ?? undefined,
  audiences: query.get('audiences') ?? undefined,
  least: Number(query.get('minimum_seconds') ?? 0),
})

const serviceOf = ({ issuer, role }: SecretName) => `${issuer}_${role}`

function requireOwner(parts: VaultParts, request: VaultRequest, name: SecretName): BearerOwner {
  const token = requireToken(parts, request)
  requireRight(parts, token, name)
  const service = serviceOf(name)
  const faults = readFaults(parts.dir)
  if (isAffected(faults['permission-denied'], service)) throw permissionDenied()
  // The fault ends for whoever logs in: only what was there from the start does not count.
  const refreshToken = parts.books.findRefreshToken(secretPath(name))
  const counts = refreshToken !== refreshTokenFromTheStart || !isAffected(faults['needs-onboarding'], service)
  // "No refresh token" looks like any other missing secret, as in the real one.
  if (refreshToken === undefined || !counts) throw new Refusal(404, [])
  parts.issuerFaults.mustRenew(service, name.issuer)
  return { issuer: name.issuer, role: name.role, subject: name.credkey }
}

function answerWith(name: SecretName, { accessToken, secondsLeft }: GivenBearer): VaultAnswer {
  const expireTime = new Date(Date.now() + secondsLeft * 1000).toISOString()
  return {
    status: 200,
    body: {
      data: { access_token: accessToken, expire_time: expireTime, server: name.issuer, type: 'Bearer' },
    },
  }
}

/** POST `/v1/secret/oauth/creds/<name>`: only a token from the right person's login may do this. */
export function keepRefreshToken(parts: VaultParts, request: VaultRequest, name: SecretName): VaultAnswer {
  const token = requireToken(parts, request)
  if (token.madeBy !== 'oidc') throw permissionDenied()
  requireRight(parts, token, name)
  const { server, refresh_token: refreshToken } = request.body
  if (typeof refreshToken !== 'string' || server !== name.issuer)
    throw new Refusal(400, ['missing refresh_token or server'])
  parts.books.keepRefreshToken(secretPath(name), refreshToken)
  return { status: 204 }
}

/** DELETE `/v1/secret/oauth/creds/<name>`. */
export function dropRefreshToken(parts: VaultParts, request: VaultRequest, name: SecretName): VaultAnswer {
  requireRight(parts, requireToken(parts, request), name)
  parts.books.dropRefreshToken(secretPath(name))
  return { status: 204 }
}

/** A token is good for its own service and its own credkey; a person's token also for the robots whose credkey begins with the person. */
function requireRight(parts: VaultParts, token: VaultToken, name: SecretName): void {
  const isOwnService = token.issuer === name.issuer && token.role === name.role
  const isOwnKey = credkeyOf(token.principal) === name.credkey
  const isRobotOfService = parts.services.some(
    (service) =>
      service.issuer === name.issuer &&
      service.role === name.role &&
      credkeyOf(service.principal) === name.credkey,
  )
  if (
    !isOwnService ||
    !(isOwnKey || (token.madeBy === 'oidc' && isRobotOfService && token.principal === personOf(name.credkey)))
  )
    throw permissionDenied()
}
