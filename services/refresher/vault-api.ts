/** Asks Vault how long a token still lives: htgettoken does not say. */
import { z } from 'zod'
import { failure, Transient } from '../../shared/errors.ts'
import { getText } from '../../shared/https.ts'

const lookup = z.object({ data: z.object({ ttl: z.number().describe('Seconds.') }) })

/** Vault's address from a configured `host`, `host:port` or `https://host[:port]`; the port is 8200 unless given. */
export function vaultUrl(server: string): URL {
  const address = server.includes('://') ? server : `https://${server}`
  return new URL(/:\d+\/?$/.test(address) ? address : `${address.replace(/\/$/, '')}:8200`)
}

/** When `token` ends. Throws Transient `vault-unreachable` when Vault does not say. */
export async function tokenExpiry(
  server: string,
  token: string,
  options: { caPath?: string | undefined; timeoutMs: number; signal: AbortSignal },
): Promise<Date> {
  try {
    const url = new URL('/v1/auth/token/lookup-self', vaultUrl(server))
    const answer = await getText(url, { ...options, headers: { 'X-Vault-Token': token } })
    return new Date(Date.now() + lookup.parse(JSON.parse(answer)).data.ttl * 1_000)
  } catch {
    throw new Transient(
      failure('vault-unreachable', `Vault at ${server} did not say how long the token lives.`),
    )
  }
}
