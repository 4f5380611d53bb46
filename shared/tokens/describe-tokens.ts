/** What whoever uses an entry's tokens may know of each: its kind, for what and until when, and why there is no good one. Never its value. */
import type { Entry } from '../config/site.ts'
import type { DescribedToken } from '../contracts/messages.ts'
import { z } from '../contracts/zod.ts'
import { readClaims } from './jwt-claims.ts'
import type { SealedContent } from './seal.ts'

/** As far as a token says so itself. */
const claims = z.object({
  iss: z.string().optional().catch(undefined),
  aud: z
    .union([z.string().transform((one) => [one]), z.array(z.string())])
    .optional()
    .catch(undefined),
  scope: z.string().optional().catch(undefined),
})

/** What was made of what the entry's nodes are to get; without `made`, what they are to get. Pure. */
export function describeTokens(
  { deliver }: Pick<Entry, 'deliver'>,
  made?: Pick<SealedContent, 'token' | 'bearers' | 'expiry'>,
): DescribedToken[] {
  const vault = { type: 'vault' as const, audience: [], scopes: [], ...(made && { expiry: made.expiry }) }
  const bearers = deliver.bearers.map(({ purpose, path, audience, scopes }): DescribedToken => {
    const found = made?.bearers?.find((one) => one.purpose === purpose && one.path === path)
    const configured = { type: 'bearer' as const, purpose, path, audience, scopes }
    if (!found) return configured
    if ('failure' in found) return { ...configured, invalid: found.failure }
    const { iss, aud, scope } = readClaims(found.token, claims) ?? {}
    return {
      ...configured,
      ...(iss !== undefined && { issuer: iss }),
      ...(aud !== undefined && { audience: aud }),
      ...(scope !== undefined && { scopes: scope.split(' ') }),
      expiry: found.expiry,
    }
  })
  return [...(deliver.vault ? [vault] : []), ...bearers]
}
