/** One bearer token from a token issuer, by the grant that the role is configured with; and what is wrong with it, if anything. */
import type { TokenEndpointResponse } from 'openid-client'
import type { Bearer } from '../../../shared/config/schema/deliver-schema.ts'
import type { IssuerConfig, OidcSource } from '../../../shared/config/sections/issuers.ts'
import type { Entry } from '../../../shared/config/site.ts'
import { errorOf, failure, Permanent, RetryLater, Transient } from '../../../shared/contracts/errors.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { claimedTime, readClaims } from '../../../shared/tokens/jwt-claims.ts'
import { isTokenWord } from '../../../shared/tokens/token-word.ts'
import type { BearerToken } from '../credentials/bearer-token.ts'
import type { Login } from '../logins/login.ts'
import { type LoginKeeping, useLogin } from '../logins/use-login.ts'
import { NoProof } from './client-proof.ts'
import { scopeAndAudience } from './issuer-client.ts'
import { hostOf, isIssuerError, issuerFailure, judgeIssuer, quoteIssuer } from './issuer-failure.ts'
import type { Issuers } from './issuers.ts'

export interface IssuerDeps {
  readonly issuers: Issuers
  readonly keeping: LoginKeeping
}

export interface FromIssuer extends IssuerDeps {
  readonly config: IssuerConfig
  readonly grant: OidcSource['grant']
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** The issuer wants to be left alone for so long (milliseconds), as far as it says. */
export class IssuerPause extends Transient {
  readonly retryAfterMs: number | undefined
  constructor(failed: Transient['failure'], retryAfterMs: number | undefined) {
    super(failed)
    this.retryAfterMs = retryAfterMs
  }
}

/**
 * The bearer token that `bearer` describes. Throws Permanent (`authentication-needed`, `bearer-refused`, `issuer-misconfigured` …),
 * Transient (`issuer-unreachable`, `clock-skew` …; IssuerPause for `issuer-rate-limited`), or RetryLater where another replica asks.
 */
export async function tokenFromIssuer(entry: Entry, bearer: Bearer, from: FromIssuer): Promise<BearerToken> {
  try {
    const parameters = scopeAndAudience(bearer.scopes, bearer.audience)
    const before = Date.now()
    const answer = await grants[from.grant](entry, parameters, from)
    return judgeToken(entry, answer, from.config, before)
  } catch (error) {
    throw asFailure(entry, error, from)
  }
}

type Grant = (entry: Entry, parameters: URLSearchParams, from: FromIssuer) => Promise<TokenEndpointResponse>

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessToken = 'urn:ietf:params:oauth:token-type:access_token'

const grants: Readonly<Record<OidcSource['grant'], Grant>> = {
  client_credentials: async (_, parameters, from) => {
    const { clientCredentialsGrant } = await import('openid-client')
    return clientCredentialsGrant(await from.issuers.client(from.config, from), parameters)
  },
  token_exchange: async (_, parameters, from) => {
    const { clientCredentialsGrant, genericGrantRequest } = await import('openid-client')
    const client = await from.issuers.client(from.config, from)
    const { access_token } = await clientCredentialsGrant(client, { scope: parameters.get('scope') ?? '' })
    parameters.set('subject_token', access_token)
    parameters.set('subject_token_type', accessToken)
    return genericGrantRequest(client, exchangeGrant, parameters)
  },
  refresh_token: refresh,
}

/** Of a question, and of what is done before and after it (milliseconds). */
const aroundMs = 5_000

async function refresh(
  entry: Entry,
  parameters: URLSearchParams,
  { config, issuers, keeping, timeoutMs, signal }: FromIssuer,
): Promise<TokenEndpointResponse> {
  const { refreshTokenGrant } = await import('openid-client')
  // Before the login is touched: an issuer that is away, or a secret that is missing, has used nothing up.
  const client = await issuers.client(config, { timeoutMs })
  const answer = await useLogin(
    {
      ...{ entry: entry.name, signal, mostMs: timeoutMs + aroundMs },
      ask: async (login, wasAsked) => {
        mustBeOf(login, entry, config)
        return refreshTokenGrant(client, login.refreshToken, parameters).catch((error: unknown) => {
          throw wasAsked ? sayWhy(error, entry, config, login) : error
        })
      },
      renewed: ({ refresh_token }) => refresh_token,
      isRefusal: (error) =>
        error instanceof Permanent || judgeIssuer(error, { grant: 'refresh_token' }).isRefusal,
    },
    keeping,
  )
  if (answer) return answer
  throw needsLogin(entry, config, 'nobody of the experiment has logged in there yet')
}

function mustBeOf(login: Login, entry: Entry, config: IssuerConfig): void {
  if (login.issuer === config.url && login.clientId === config.clientId) return
  throw needsLogin(entry, config, `the login that is kept is of client ${login.clientId} at ${login.issuer}`)
}

function needsLogin({ service, name }: Entry, { url }: IssuerConfig, why: string): Permanent {
  const message = `No token for ${service} from ${url}: ${why}.`
  return new Permanent(failure('authentication-needed', message, { service: name, causeName: hostOf(url) }))
}

/** The one window that nothing can close: asked, and stopped before the answer was kept. */
function sayWhy(error: unknown, entry: Entry, config: IssuerConfig, { asked }: Login): unknown {
  if (judgeIssuer(error, { grant: 'refresh_token' }).code !== 'authentication-needed') return error
  return needsLogin(
    entry,
    config,
    `the refresher asked at ${asked?.at} and was stopped, or the connection was lost, before the answer was kept, and this issuer takes a refresh token once`,
  )
}

/** Doors allow tokens no leeway for clocks; this is how far they may be apart before anybody is told (milliseconds). */
const mostSkewMs = 60_000

const claims = z.object({ exp: claimedTime.optional(), iat: claimedTime.optional() })

type AnsweredToken = Pick<TokenEndpointResponse, 'access_token' | 'expires_in' | 'token_type'>

/** As openid-client writes them; an exchange may leave open what a token is (RFC 8693). */
const bearerTypes: ReadonlySet<string> = new Set(['bearer', 'n_a'])

/** When it ends, by its own claim or by what came with it. Throws Transient where it is none, or of another time. Pure. */
export function judgeToken(
  { service }: Pick<Entry, 'service'>,
  { access_token: token, expires_in, token_type: type }: AnsweredToken,
  { url }: Pick<IssuerConfig, 'url'>,
  now: number,
): BearerToken {
  const refuse = (code: 'unexpected' | 'clock-skew' | 'issuer-misconfigured', why: string) =>
    errorOf(issuerFailure({ code, why }, { service, url }))
  if (!isTokenWord(token)) throw refuse('unexpected', 'what it gave is no token')
  if (!bearerTypes.has(type))
    throw refuse('issuer-misconfigured', `it gives a token of another type, ${quoteIssuer(type)}`)
  const { exp, iat } = readClaims(token, claims) ?? {}
  const apartMs = iat === undefined ? 0 : iat * 1_000 - now
  // An issuer may give the same token again: one that is older than it should be is not of another time while it lives.
  const isOfAnotherTime = apartMs > mostSkewMs || (exp !== undefined && exp * 1_000 <= now)
  if (isOfAnotherTime || isLate(exp, expires_in, now))
    throw refuse('clock-skew', 'its clock and the one of this machine differ by more than a minute')
  const expiry = new Date(exp === undefined ? now + (expires_in ?? 0) * 1_000 : exp * 1_000)
  if (!(expiry.getTime() > now)) throw refuse('issuer-misconfigured', 'it does not say when its token ends')
  return { token, expiry }
}

/** What the token says of its end, and what the issuer says of its life, are of clocks that differ. */
const isLate = (exp: number | undefined, life: number | undefined, now: number) =>
  exp !== undefined && life !== undefined && Math.abs(exp * 1_000 - (now + life * 1_000)) > mostSkewMs

function asFailure(entry: Entry, error: unknown, { config, grant, issuers, signal }: FromIssuer): unknown {
  if (error instanceof Permanent || error instanceof Transient || error instanceof RetryLater) return error
  signal.throwIfAborted()
  const about = { service: entry.name, url: config.url }
  if (isDiskFull(error))
    return errorOf(
      failure('disk-full-here', `No space to keep the login of ${entry.name}: nothing was asked.`),
    )
  if (error instanceof NoProof)
    return errorOf(issuerFailure({ code: 'issuer-misconfigured', why: error.message }, about))
  if (!isIssuerError(error)) return error
  const verdict = judgeIssuer(error, { grant })
  if (verdict.code !== 'authentication-needed' && verdict.code !== 'bearer-refused') issuers.forget(config)
  const failed = issuerFailure(verdict, about)
  return verdict.code === 'issuer-rate-limited'
    ? new IssuerPause(failed, verdict.retryAfterMs)
    : errorOf(failed)
}

const isDiskFull = (error: unknown) =>
  ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')
