/** Whose a bearer token is, by what it says of itself. Pure. */
import type { Entry } from '../../../shared/config/site.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { readClaims } from '../../../shared/tokens/jwt-claims.ts'

/** Claims of a WLCG token (profile 1.3); `wlcg.groups` where the issuer sets them. */
const claims = z.object({ 'wlcg.groups': z.array(z.string()).optional() })

/**
 * False only when the bearer has groups, and none is the experiment's own or below it. What stands below is the token issuer's
 * affair: a role is a name that Vault's configuration gives it, and need not be a group. Does not check the signature: it asks
 * *whose*, not *whether*. Pure.
 */
export function namesService(bearer: string, { realExperiment }: Pick<Entry, 'realExperiment'>): boolean {
  const groups = readClaims(bearer, claims)?.['wlcg.groups'] ?? []
  const own = `/${realExperiment}`.toLowerCase()
  const isOwn = (group: string) => `${group.toLowerCase()}/`.startsWith(`${own}/`)
  return groups.length === 0 || groups.some(isOwn)
}
