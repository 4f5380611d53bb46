/** Revokes a person's login at a token issuer (RFC 7009). */
import type { Logger } from 'pino'
import type { Entry, Site } from '../../../shared/config/site.ts'
import { errorOf, RetryLater } from '../../../shared/contracts/errors.ts'
import { reconcile } from '../logins/use-login.ts'
import { issuerFailure, judgeIssuer } from './issuer-failure.ts'
import type { IssuerDeps } from './token-from-issuer.ts'

/** Returns whether there was a login, and what goes on working. Throws Transient where the issuer is away. */
export async function revokeLogin(
  { name, oidc }: Entry,
  keepLogin: boolean,
  { site, signal }: { readonly site: Site; readonly signal: AbortSignal; readonly log: Logger },
  { issuers, keeping }: IssuerDeps,
): Promise<{ readonly wasThere: boolean; readonly warning?: string }> {
  const config = oidc && site.issuers[oidc.issuer]
  if (!config || !oidc) return { wasThere: false }
  if (oidc.grant !== 'refresh_token')
    return {
      wasThere: false,
      warning: `Whoever has the secret of client ${config.clientId} at ${config.url} makes tokens with it: change it there if it may have leaked.`,
    }
  if (keepLogin) return { wasThere: false, warning: `The login at ${config.url} stays, as was asked for.` }
  const { login } = await reconcile(name, keeping)
  if (!login) return { wasThere: false }
  try {
    const { tokenRevocation } = await import('openid-client')
    const client = await issuers.client(config, { timeoutMs: site.timeouts.kerberosMs, signal })
    if (client.serverMetadata().revocation_endpoint === undefined)
      return {
        wasThere: true,
        warning: `${config.url} offers no revoking: ask its administrators to revoke the login of client ${config.clientId}.`,
      }
    await tokenRevocation(client, login.refreshToken, { token_type_hint: 'refresh_token' })
    return { wasThere: true }
  } catch (error) {
    if (error instanceof RetryLater) throw error
    signal.throwIfAborted()
    throw errorOf(
      issuerFailure(judgeIssuer(error, { grant: 'refresh_token' }), { service: name, url: config.url }),
    )
  }
}
