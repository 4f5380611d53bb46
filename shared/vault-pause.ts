/** "Too Many Requests" from Vault stops refresher and storer together, for `vault.rateLimitPause`: asking on prolongs the refusal. */
import type { KV } from '@nats-io/kv'
import { z } from 'zod'
import type { Site } from './config/site.ts'
import { RetryLater, Transient } from './errors.ts'
import { timestamp } from './messages.ts'
import { vaultPauseKey } from './subjects.ts'

const pause = z.object({ until: z.iso.datetime({ offset: true }) })

export interface VaultPause {
  /**
   * Runs `work` unless a pause is on: then throws RetryLater until its end. A rate limit in `work` starts a pause, and is
   * waited out as well where that ends before the run's `deadline`; otherwise it is the failure that it is.
   */
  heed<T>(deadline: string, work: () => Promise<T>): Promise<T>
}

/** The pause lies in the bucket `targets`, which both daemons write. */
export function openVaultPause(targets: KV, site: () => Pick<Site, 'vault'>): VaultPause {
  async function left(): Promise<number> {
    const found = await targets.get(vaultPauseKey)
    return found?.operation === 'PUT' ? Date.parse(pause.parse(found.json()).until) - Date.now() : 0
  }

  return {
    async heed(deadline, work) {
      const waitMs = await left()
      if (waitMs > 0) throw new RetryLater(waitMs + 1_000 * Math.random())
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof Transient) || error.failure.code !== 'rate-limited') throw error
        const pauseMs = site().vault.rateLimitPause
        const until = timestamp(new Date(Date.now() + pauseMs))
        await targets.put(vaultPauseKey, JSON.stringify({ until }))
        throw until < deadline ? new RetryLater(pauseMs) : error
      }
    },
  }
}
