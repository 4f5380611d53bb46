/** The token issuers that are asked without Vault: what each says of itself, kept for a while, and our client at it. */
import type { Configuration, ServerMetadata } from 'openid-client'
import type { IssuerConfig } from '../../../shared/config/sections/issuers.ts'
import { type AskLimits, clientOf } from './issuer-client.ts'

/** How long it is believed what an issuer says of itself (milliseconds). */
const keptMs = 10 * 60_000

export interface Issuers {
  /** Our client at the issuer, ready to ask it. Throws what openid-client throws, HttpError, or NoProof. */
  client(config: IssuerConfig, limits: AskLimits): Promise<Configuration>
  /** What it says of itself is asked for anew: a refusal may come of that. */
  forget(config: IssuerConfig): void
  /** It wants to be left alone for so long (milliseconds). */
  pause(config: IssuerConfig, ms: number): void
  /** How much of that is left; not positive when it is over. */
  pauseLeft(config: IssuerConfig): number
}

/** Asks each issuer once in a while for what all its clients need. */
export function openIssuers(now: () => number = () => performance.now()): Issuers {
  const known = new Map<string, { readonly until: number; readonly server: ServerMetadata }>()
  const pausedUntil = new Map<string, number>()
  const keyOf = ({ url, caPath }: IssuerConfig) => JSON.stringify([url, caPath])
  return {
    async client(config, limits) {
      const found = known.get(keyOf(config))
      const fresh = found && found.until > now() ? found.server : undefined
      const client = await clientOf(config, limits, fresh)
      if (!fresh) known.set(keyOf(config), { until: now() + keptMs, server: client.serverMetadata() })
      return client
    },
    forget: (config) => void known.delete(keyOf(config)),
    pause: ({ url }, ms) => void pausedUntil.set(url, now() + ms),
    pauseLeft: ({ url }) => Math.ceil((pausedUntil.get(url) ?? Number.NEGATIVE_INFINITY) - now()),
  }
}
