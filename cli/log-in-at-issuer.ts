/** The login of a person at a token issuer, by its device flow: the refresher keeps the refresh token that comes of it. */

import { NoProof } from '../services/refresher/issuer/client-proof.ts'
import { clientOf, scopeAndAudience } from '../services/refresher/issuer/issuer-client.ts'
import { issuerFailure, judgeIssuer } from '../services/refresher/issuer/issuer-failure.ts'
import { openLoginFiles } from '../services/refresher/logins/login-files.ts'
import type { IssuerConfig } from '../shared/config/sections/issuers.ts'
import type { Entry, Site } from '../shared/config/site.ts'
import { stateDirectory } from '../shared/daemon/state.ts'
import { LoginFailed } from './log-in.ts'

export interface IssuerLogin {
  readonly stateRoot: string
  /** Log in also where there is a login. */
  readonly again: boolean
  /** Shows the person where to go; the address may have the code in it already. */
  readonly show: (address: string, userCode: string) => void
}

/** Returns whether somebody has logged in: false where there is a login that stays. Throws LoginFailed. */
export async function logInAtIssuer(
  entry: Entry,
  site: Pick<Site, 'issuers' | 'timeouts'>,
  { stateRoot, again, show }: IssuerLogin,
): Promise<boolean> {
  const config = site.issuers[entry.oidc?.issuer ?? '']
  if (!config) throw new LoginFailed(`${entry.name} has no issuer to log in at.`)
  const files = openLoginFiles(stateDirectory(stateRoot, 'refresher'))
  const before = await files.read(entry.name)
  if (before && !again && before.issuer === config.url && before.clientId === config.clientId) return false
  const refreshToken = await askPerson(entry, config, site.timeouts.vaultStorerMs, show)
  await files.write({
    ...{ entry: entry.name, issuer: config.url, clientId: config.clientId, refreshToken, generation: 0 },
    // Newer than the one before also where a clock was set back.
    login: Math.max(Date.now(), (before?.login ?? 0) + 1),
  })
  return true
}

async function askPerson(
  entry: Entry,
  config: IssuerConfig,
  timeoutMs: number,
  show: IssuerLogin['show'],
): Promise<string> {
  const { initiateDeviceAuthorization, pollDeviceAuthorizationGrant } = await import('openid-client')
  try {
    const client = await clientOf(config, { timeoutMs, signal: new AbortController().signal })
    const started = await initiateDeviceAuthorization(client, loginParameters(entry))
    show(started.verification_uri_complete ?? started.verification_uri, started.user_code)
    const signal = AbortSignal.timeout(started.expires_in * 1_000)
    const { refresh_token } = await pollDeviceAuthorizationGrant(client, started, undefined, { signal })
    if (refresh_token) return refresh_token
  } catch (error) {
    throw new LoginFailed(describeEnd(entry, config, error))
  }
  throw new LoginFailed(
    `${config.url} let you in and gave no refresh token: its client ${config.clientId} has to be allowed the scope offline_access.`,
  )
}

/** For all that its bearer tokens will be asked for, and for a refresh token, which some issuers give only with consent. Pure. */
export function loginParameters({ deliver }: Pick<Entry, 'deliver'>): URLSearchParams {
  const unique = (lists: readonly (readonly string[])[]) => [...new Set(lists.flat())]
  const parameters = scopeAndAudience(
    ['offline_access', ...unique(deliver.bearers.map(({ scopes }) => scopes))],
    unique(deliver.bearers.map(({ audience }) => audience)),
  )
  parameters.set('prompt', 'consent')
  return parameters
}

function describeEnd({ name, service }: Entry, { url }: IssuerConfig, error: unknown): string {
  const again = `Try again: managed-tokens onboard ${name}`
  if (error instanceof NoProof) return `${error.message}: it is what issuers in the configuration names.`
  const ended = endOf(error)
  if (ended) return `Nobody is logged in for ${name}: ${ended}. ${again}`
  const { message, action } = issuerFailure(judgeIssuer(error, {}), { service, url })
  return `${message} ${action} ${again}`
}

/** The ends of a device login (RFC 8628, 3.5). */
function endOf(error: unknown): string | undefined {
  const { error: said, code } = error as { readonly error?: unknown; readonly code?: unknown }
  if (said === 'access_denied') return 'the login was refused on the page'
  return said === 'expired_token' || code === 'OAUTH_TIMEOUT'
    ? 'the login on the page was not completed in time'
    : undefined
}
