/** What Vault's oauthapp plugin (3.2) answers where the token issuer is away, or refuses: the real texts, and its memory for them. */
import { isAffected, readFaults } from '../fault-file.ts'
import type { Faults } from '../faults.ts'
import { Refusal } from './refusal.ts'

export interface IssuerFaults {
  /** The plugin reads or renews the login of a service. Throws what the issuer's fault makes of that. @throws Refusal */
  mustRenew(service: string, server: string): void
  /** The plugin trades a token for one with fewer rights. @throws Refusal */
  mustExchange(service: string): void
}

/** Refusals that the plugin keeps, and repeats for whatever goes wrong later, until the issuer gives a token again. */
const refusals = {
  'issuer-refuses-vault': 'invalid_client: Client authentication failed.',
  'login-revoked': 'invalid_grant: The refresh token is not valid any more.',
} as const satisfies Partial<Record<keyof Faults, string>>

export function createIssuerFaults(dir: string): IssuerFaults {
  const kept = new Map<string, string>()
  return {
    mustRenew(service, server) {
      const faults = readFaults(dir)
      if (isAffected(faults['issuer-unknown'], service)) {
        const cause = `Get "https://${server}.issuer.test/.well-known/openid-configuration": dial tcp: lookup ${server}.issuer.test: no such host`
        throw new Refusal(400, [`server "${server}" has configuration problems: ${cause}`])
      }
      for (const [fault, error] of Object.entries(refusals))
        if (isAffected(faults[fault as keyof typeof refusals], service)) kept.set(service, error)
        else if (kept.get(service) === error && !isAffected(faults['issuer-down'], service))
          kept.delete(service)
      const error = kept.get(service)
      if (error) throw new Refusal(400, [`refresh failed: server rejected request: ${error}`])
      if (isAffected(faults['issuer-down'], service)) throw new Refusal(400, ['token expired'])
    },
    mustExchange(service) {
      if (isAffected(readFaults(dir)['bearer-refused'], service))
        throw new Refusal(500, [
          '1 error occurred:\n\t* server rejected request: invalid_target: The sandbox was asked to refuse.\n\n',
        ])
    },
  }
}
