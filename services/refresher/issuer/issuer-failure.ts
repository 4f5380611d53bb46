/** Why a token issuer gave no token, and who has to act: the one place that knows the errors of OAuth 2.0 and of openid-client. */
import type { OidcSource } from '../../../shared/config/sections/issuers.ts'
import { type Failure, failure } from '../../../shared/contracts/errors.ts'
import { cleanLine } from '../../../shared/contracts/one-sentence.ts'
import type { ReasonCode } from '../../../shared/contracts/reasons.ts'
import { HttpError } from '../../../shared/https/http-error.ts'

/** Whose token was asked for, and where. */
export interface AskedIssuer {
  readonly service: string
  readonly url: string
  /** Absent where nothing is asked for but what the issuer says of itself. */
  readonly grant?: OidcSource['grant']
}

export interface IssuerVerdict {
  readonly code: ReasonCode
  /** A clause for people; never a secret. */
  readonly why: string
  /** How long the issuer wants to be left alone (milliseconds). */
  readonly retryAfterMs?: number | undefined
  /** The question was answered: nothing that was sent with it has been used up. */
  readonly isRefusal: boolean
}

/** What an error means that came out of openid-client, or of our own connection below it. Pure. */
export function judgeIssuer(error: unknown, { grant }: Pick<AskedIssuer, 'grant'>): IssuerVerdict {
  const chain = causesOf(error)
  const http = chain.find((one) => one instanceof HttpError)
  if (http) return judgeHttp(http)
  const refused = chain.find(isOAuthError)
  if (refused) return judgeRefusal(refused, grant)
  const answer = chain.find((one) => one instanceof Response)
  if (answer && answer.status >= 300) return judgeStatus(answer.status)
  return judgeAnswer(chain.flatMap((one) => codeOf(one) ?? [])[0])
}

/** Whether it came out of openid-client or of our own connection at all; anything else is a fault of ours. Pure. */
export const isIssuerError = (error: unknown): boolean =>
  causesOf(error).some((one) => one instanceof HttpError || codeOf(one)?.startsWith('OAUTH_'))

/** The failure that people are told of. */
export const issuerFailure = (
  { code, why }: Pick<IssuerVerdict, 'code' | 'why'>,
  { service, url }: Omit<AskedIssuer, 'grant'>,
): Failure =>
  failure(code, `No token for ${service} from ${url}: ${why}.`, { service, causeName: hostOf(url) })

export const hostOf = (url: string) => URL.parse(url)?.host ?? url

/** An error, what caused it, and so on. */
function causesOf(error: unknown): object[] {
  const chain: object[] = []
  let next = error
  while (typeof next === 'object' && next !== null && chain.length < 5) {
    chain.push(next)
    next = (next as { readonly cause?: unknown }).cause
  }
  return chain
}

const codes: Readonly<Partial<Record<HttpError['kind'], ReasonCode>>> = {
  tls: 'issuer-tls',
  proxy: 'proxy-failed',
}

function judgeHttp({ kind, status, message, retryAfterMs }: HttpError): IssuerVerdict {
  const isRefusal = kind === 'status' && status === 429
  if (isRefusal) return { code: 'issuer-rate-limited', why: 'it asks for a pause', retryAfterMs, isRefusal }
  return { code: codes[kind] ?? 'issuer-unreachable', why: cleanLine(message), retryAfterMs, isRefusal }
}

/** `{"error": …}` of a token endpoint, as openid-client gives it. */
interface OAuthError {
  readonly error: string
  readonly error_description?: string | undefined
}

const isOAuthError = (one: object): one is OAuthError =>
  'error' in one && typeof one.error === 'string' && 'status' in one

/** Errors of RFC 6749 (5.2), 8628, 8693 and 8707, and those of OpenID Connect that want a person. */
const refusals: Readonly<Record<string, ReasonCode>> = {
  invalid_scope: 'bearer-refused',
  invalid_target: 'bearer-refused',
  access_denied: 'bearer-refused',
  login_required: 'authentication-needed',
  consent_required: 'authentication-needed',
  interaction_required: 'authentication-needed',
  temporarily_unavailable: 'issuer-unreachable',
  server_error: 'issuer-unreachable',
  slow_down: 'issuer-rate-limited',
}

/** Not what every object has, such as a `constructor`. */
const refusalOf = (error: string): ReasonCode =>
  (Object.hasOwn(refusals, error) && refusals[error]) || 'issuer-misconfigured'

/** What an invalid grant is: a person's login, a token that is not to be traded, or nothing that such a client may have. */
const invalidGrants: Readonly<Record<OidcSource['grant'], ReasonCode>> = {
  refresh_token: 'authentication-needed',
  token_exchange: 'bearer-refused',
  client_credentials: 'issuer-misconfigured',
}

function judgeRefusal({ error, error_description }: OAuthError, grant: AskedIssuer['grant']): IssuerVerdict {
  const code = error === 'invalid_grant' && grant ? invalidGrants[grant] : refusalOf(error)
  const said = quoteIssuer(error_description)
  const why = `it says ${cleanLine(error, 60)}${said && ` (${said})`}`
  return { code, why, isRefusal: code !== 'issuer-unreachable' }
}

/** Some issuers repeat what they were sent: nothing that could be a token or a secret is quoted. Pure. */
export const quoteIssuer = (description: string | undefined): string =>
  cleanLine(description ?? '', 160)
    .replace(/[^\s"'()=,;]{24,}/g, '…')
    .replace(/\.$/, '')

/** Of the client's errors those that pass. */
const passing: ReadonlySet<number> = new Set([408, 421, 425])

const judgeStatus = (status: number): IssuerVerdict => ({
  code: passing.has(status) ? 'issuer-unreachable' : 'issuer-misconfigured',
  why:
    status < 400
      ? `it answers with a redirect (status ${status}), which nothing secret follows`
      : `it answers with status ${status} and no reason`,
  isRefusal: true,
})

/** An answer that openid-client does not take, by its code. */
function judgeAnswer(code: string | undefined): IssuerVerdict {
  const isRefusal = false
  if (code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED')
    return { code: 'issuer-misconfigured', why: 'what answers there calls itself another issuer', isRefusal }
  if (code === 'OAUTH_HTTP_REQUEST_FORBIDDEN')
    return { code: 'issuer-misconfigured', why: 'it wants to be asked without TLS', isRefusal }
  if (code === 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED')
    return { code: 'clock-skew', why: 'its clock and the one of this machine differ too much', isRefusal }
  if (code === 'OAUTH_MISSING_SERVER_METADATA')
    return { code: 'issuer-misconfigured', why: 'it has no such endpoint', isRefusal }
  const isLate = code === 'OAUTH_TIMEOUT' || code === 'OAUTH_ABORT'
  const why = isLate ? 'it did not answer in time' : 'its answer cannot be read'
  return { code: 'issuer-unreachable', why, isRefusal }
}

const codeOf = (one: object) => ('code' in one && typeof one.code === 'string' ? one.code : undefined)
