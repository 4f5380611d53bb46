/** Makes vault tokens and refresh tokens worthless, at Vault itself. */
import { failedWith } from '../contracts/errors.ts'
import { HttpError } from '../https/http-error.ts'
import { type AskOptions, exchange } from '../https/request.ts'
import { onWayToVault, vaultUrl } from './vault-url.ts'

export interface VaultAsking {
  readonly caPath?: string | undefined
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Has Vault forget a token; one that it does not know any more is forgotten already. Throws Transient `vault-unreachable` or `rate-limited`. */
export async function revokeVaultToken(server: string, token: string, asking: VaultAsking): Promise<void> {
  const status = await ask(server, '/v1/auth/token/revoke-self', token, 'POST', asking)
  if (isGone(status) || isDone(status)) return
  throw refused(server, `it answers ${status} to the revoking of a vault token`, status)
}

/**
 * Has Vault forget the refresh token behind an issuer's role, as htdestroytoken does. Returns whether there was one. Throws as
 * {@link revokeVaultToken}; Permanent `permission-denied` where this token may not.
 */
export async function dropRefreshToken(
  server: string,
  token: string,
  { realExperiment, role, credkey }: { realExperiment: string; role: string; credkey: string },
  asking: VaultAsking,
): Promise<boolean> {
  const path = `/v1/secret/oauth/creds/${realExperiment}/${credkey}:${role}`
  const status = await ask(server, path, token, 'DELETE', asking)
  if (isDone(status)) return true
  if (status === 404) return false
  if (status === 403)
    throw failedWith(
      'permission-denied',
      `Vault at ${server} does not let us delete the login of ${realExperiment}_${role}.`,
    )
  throw refused(server, `it answers ${status} to the deleting of a login`, status)
}

const isDone = (status: number) => status === 200 || status === 204
/** A token that is none (any more) may not even ask. */
const isGone = (status: number) => status === 403

async function ask(
  server: string,
  path: string,
  token: string,
  method: 'POST' | 'DELETE',
  asking: VaultAsking,
): Promise<number> {
  const url = new URL(path, vaultUrl(server))
  const headers = { 'X-Vault-Token': token }
  const send = (way: AskOptions) => exchange(url, { ...way, method, content: '' })
  try {
    return (await onWayToVault(send, { ...asking, headers })).status
  } catch (error) {
    asking.signal.throwIfAborted()
    if (!(error instanceof HttpError)) throw error
    throw refused(server, error.message)
  }
}

const refused = (server: string, why: string, status?: number) =>
  failedWith(
    status === 429 ? 'rate-limited' : 'vault-unreachable',
    `Vault at ${server} has not revoked what it should: ${why}.`,
    { causeName: vaultUrl(server).hostname },
  )
