/** Where Vault is, and which way leads there. */
import { HttpError } from '../https/http-error.ts'
import type { AskOptions } from '../https/request.ts'

/** Vault's address from a configured `host`, `host:port` or `https://host[:port]`; the port is 8200 unless given. */
export function vaultUrl(server: string): URL {
  const address = server.includes('://') ? server : `https://${server}`
  return new URL(/:\d+\/?$/.test(address) ? address : `${address.replace(/\/$/, '')}:8200`)
}

/**
 * Asks Vault by way of the proxy, else directly: htgettoken (2.2 to 2.4) knows no proxy, so Vault may be one that no proxy
 * leads to. Throws what the first way said.
 */
export async function onWayToVault<T>(
  ask: (options: AskOptions) => Promise<T>,
  options: AskOptions,
): Promise<T> {
  try {
    return await ask(options)
  } catch (error) {
    if (!(error instanceof HttpError) || error.kind !== 'proxy') throw error
    return await ask({ ...options, direct: true }).catch(() => {
      throw error
    })
  }
}
