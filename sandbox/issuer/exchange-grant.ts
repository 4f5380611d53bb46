/** Token exchange (RFC 8693), which the library has not: a JWT of ours for one with fewer rights, or for another audience. */
import { errors, type KoaContextWithOIDC, type Provider, type ResourceServer } from 'oidc-provider'

export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

export interface ExchangeSettings {
  /** Whether this issuer has given the token. */
  readonly isOurs: (token: string) => boolean
  /** How tokens for an audience are made. Throws where there are none. */
  readonly serverOf: (ctx: KoaContextWithOIDC, resource: string) => ResourceServer
  readonly defaultAudience: string
}

export function registerExchange(provider: Provider, settings: ExchangeSettings): void {
  const parameters = ['subject_token', 'subject_token_type', 'scope', 'audience', 'resource']
  const answer = (ctx: KoaContextWithOIDC) => exchange(provider, ctx, settings)
  provider.registerGrantType(exchangeGrant, answer, parameters, ['audience', 'resource'])
}

async function exchange(
  provider: Provider,
  ctx: KoaContextWithOIDC,
  { isOurs, serverOf, defaultAudience }: ExchangeSettings,
): Promise<void> {
  const { client, params } = ctx.oidc
  const asked = (params ?? {}) as Readonly<Record<string, string | undefined>>
  const { subject_token: subject, subject_token_type: type, scope, audience, resource } = asked
  if (!client || type !== accessTokenType || !subject)
    throw new errors.InvalidRequest('subject_token and its type are needed')
  if (!isOurs(subject)) throw new errors.InvalidGrant('the subject token is none of ours')
  const target = resource ?? audience ?? defaultAudience
  const token = new provider.ClientCredentials({ client, scope: scope ?? '' })
  token.resourceServer = new provider.ResourceServer(target, serverOf(ctx, target))
  const value = await token.save()
  ctx.body = {
    ...{ access_token: value, issued_token_type: accessTokenType, token_type: 'Bearer' },
    ...{ expires_in: token.expiration, scope: token.scope },
  }
}
