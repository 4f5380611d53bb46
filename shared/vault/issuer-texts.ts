/**
 * What Vault's oauthapp plugin (3.x) says of the token issuer behind it, and which reason that is. It keeps its last refusal by
 * the issuer and repeats it for whatever goes wrong later, until a token is given again: the text is not always of today. Pure.
 */
import type { ReasonCode } from '../contracts/reasons.ts'

export interface IssuerVerdict {
  readonly code: ReasonCode
  /** As Vault names it. */
  readonly issuer?: string
}

/** Which of the plugin's paths was read: tokens with all rights of the login, or one traded for fewer. */
export type SecretPath = 'creds' | 'sts'

/** Of Go's network library: the issuer could not be asked, for whatever reason, or gave a server's error. */
const isAway =
  /(?:Get|Post) "[^"]*": (?!unsupported protocol scheme|http: no Host)|no such host|server misbehaving|name resolution|i\/o timeout|context (?:deadline exceeded|canceled)|Client\.Timeout|connection (?:refused|reset)|broken pipe|no route to host|network is unreachable|\bEOF\b|TLS handshake|x509: |\btls: |^(?:error making new provider: )?(?:408|429|5\d\d)\b|: (?:408|429|5\d\d) [A-Z]/

/** How the plugin reports an error of its own that is none of Vault's. */
const isIssuers =
  /(?:Get|Post) "https?:|\boauth2: |\boidc: |\boption "|missing client secret|no provider with the given name|version not supported|options provided but none/

/** The verdict in what stands behind the status; undefined where that says nothing of an issuer. */
export function judgeIssuer(errors: string, path: SecretPath): IssuerVerdict | undefined {
  if (/^\W*token (?:is |has )?expired/i.test(errors))
    return { code: path === 'sts' ? 'bearer-life-refused' : 'issuer-unreachable' }
  const [, issuer, problem] = /server "([^"]*)" has configuration problems: ([\s\S]*)/.exec(errors) ?? []
  if (issuer !== undefined) return { code: judgeProblem(problem ?? ''), issuer }
  if (/server configuration does not exist|missing server \(/.test(errors))
    return { code: 'issuer-misconfigured' }
  const rejected = oauthErrors(errors)
  if (rejected.length > 0) return { code: judgeRejections(rejected, isExchange(errors, path)) }
  const [, status] = /cannot fetch token: (\d{3})/.exec(errors) ?? []
  if (status) return { code: isTransient(status) ? 'issuer-unreachable' : 'issuer-misconfigured' }
  return isIssuers.test(errors) ? { code: judgeProblem(errors) } : undefined
}

const isTransient = (status: string) => /^(?:408|429|5\d\d)$/.test(status)

/** What it cannot read of an answer is no setting of Vault's either. */
const judgeProblem = (problem: string): ReasonCode =>
  isAway.test(problem) || /cannot parse|missing access_token|unexpected end of JSON/.test(problem)
    ? 'issuer-unreachable'
    : 'issuer-misconfigured'

/** Error codes of OAuth 2.0, in the plugin's own form and in that of Go's library; one for each client secret. */
const oauthErrors = (errors: string): string[] =>
  [...errors.matchAll(/server rejected request: (\w*)|oauth2: "(\w*)"/g)].map(([, code, quoted]) =>
    (code ?? quoted ?? '').toLowerCase(),
  )

const isExchange = (errors: string, path: SecretPath) =>
  /exchange failed: /.test(errors) || (path === 'sts' && !/refresh failed: /.test(errors))

/** Of several client secrets an old one is refused while they are exchanged: what the others met counts. */
function judgeRejections(codes: readonly string[], exchanged: boolean): ReasonCode {
  const code = codes.findLast((one) => one !== 'invalid_client') ?? 'invalid_client'
  switch (code) {
    case '':
    case 'temporarily_unavailable':
    case 'server_error':
    case 'slow_down':
      return 'issuer-unreachable'
    case 'invalid_client':
    case 'invalid_request':
    case 'unauthorized_client':
    case 'unsupported_grant_type':
      return 'issuer-misconfigured'
    case 'invalid_grant':
      return exchanged ? 'bearer-refused' : 'authentication-needed'
    default:
      return exchanged ? 'bearer-refused' : 'issuer-misconfigured'
  }
}
