/** The fault `vault-tokens-revoked`: what was given before it was switched on is refused, what is given later is good. */
import { isAffected, readFaults } from '../fault-file.ts'
import type { VaultToken } from './books.ts'

export interface RevokedTokens {
  includes(token: VaultToken): boolean
}

/** The fault begins with the first request after it was switched on, for each service by itself. */
export function createRevokedTokens(dir: string): RevokedTokens {
  const since = new Map<string, number>()
  return {
    includes({ issuer, role, issuedAt }) {
      const service = `${issuer}_${role}`
      if (!isAffected(readFaults(dir)['vault-tokens-revoked'], service)) return since.delete(service) && false
      const from = since.get(service) ?? Date.now()
      since.set(service, from)
      return issuedAt < from
    },
  }
}
