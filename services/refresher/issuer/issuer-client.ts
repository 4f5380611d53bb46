/** One client at one issuer, by openid-client, which is loaded with the first question. */
import type { ClientMetadata, Configuration, ServerMetadata } from 'openid-client'
import type { IssuerConfig } from '../../../shared/config/sections/issuers.ts'
import { readProof } from './client-proof.ts'
import { fetchOverOurs } from './over-our-https.ts'

export interface AskLimits {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/** Asks the issuer what it says of itself where that is not known. Throws what openid-client throws, HttpError, or NoProof. */
export async function clientOf(
  config: IssuerConfig,
  { timeoutMs, signal }: AskLimits,
  known?: ServerMetadata,
): Promise<Configuration> {
  const oidc = await import('openid-client')
  const fetch = fetchOverOurs({ caPath: config.caPath, timeoutMs, signal })
  const timeout = Math.ceil(timeoutMs / 1_000) + 1
  const server =
    known ??
    (
      await oidc.discovery(new URL(config.url), config.clientId, undefined, oidc.None(), {
        [oidc.customFetch]: fetch,
        timeout,
      })
    ).serverMetadata()
  // An ID token that comes along is of no use here: a clock must not spoil the refresh token that came with it.
  const about: Partial<ClientMetadata> = { [oidc.clockTolerance]: 24 * 60 * 60 }
  const client = new oidc.Configuration(server, config.clientId, about, await readProof(config, server))
  client[oidc.customFetch] = fetch
  client.timeout = timeout
  return client
}

/** The parameters of a question for a token with these scopes, and for these audiences under both names that issuers know. */
export function scopeAndAudience(scopes: readonly string[], audience: readonly string[]): URLSearchParams {
  const parameters = new URLSearchParams({ scope: scopes.join(' ') })
  // WLCG's issuers take a list of names in one text, RFC 8707 URIs alone; what an issuer does not know it has to ignore.
  if (audience.length > 0) parameters.set('audience', audience.join(' '))
  for (const one of audience) if (URL.canParse(one) && one.includes('://')) parameters.append('resource', one)
  return parameters
}
