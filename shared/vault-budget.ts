/** Vault is asked politely: refresher and storer share one allowance of requests, and wait for their turn before they ask. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KV } from '@nats-io/kv'
import { z } from 'zod'
import { attempt } from './compare-and-set.ts'
import type { Site } from './config/site.ts'
import { vaultBudgetKey } from './subjects.ts'

/** The value of `vault.budget` in the bucket `targets`; milliseconds since the epoch. */
const allowance = z.object({
  paidUntil: z
    .number()
    .describe('When all requests so far would have been sent, had they been spread evenly.'),
  at: z.number().describe('When this was written, by the writer’s clock.'),
})
export type Allowance = z.infer<typeof allowance>

/** How many requests a refresh or a storer run makes at most: a login, the vault token's creation, bearer tokens, a lookup. */
export const requestsPerToken = 4

const windowMs = 5 * 60_000

export interface VaultBudget {
  /** Returns when it is this caller's turn to send so many requests. Throws the signal's reason when it is aborted. */
  pace(requests: number, signal: AbortSignal): Promise<void>
}

/**
 * Takes `requests` out of an allowance of `limit` in any five minutes: a third of them may come at once, the others are
 * spread evenly. Answers the new allowance, and how long to wait (milliseconds). Pure.
 */
export function takeRequests(
  before: Allowance | undefined,
  requests: number,
  limit: number,
  now: number,
): { readonly next: Allowance; readonly waitMs: number } {
  const burst = Math.floor(limit / 3)
  const eachMs = windowMs / (limit - burst)
  // Written in the future: a clock was set back, and what was owed is still owed from now on.
  const ahead = before ? Math.max(0, before.at - now) : 0
  const paidUntil = Math.max(now, (before?.paidUntil ?? now) - ahead) + requests * eachMs
  return {
    next: { paidUntil, at: now },
    waitMs: Math.max(0, paidUntil - now - burst * eachMs),
  }
}

/** The allowance lies in the bucket `targets`, which both daemons write. */
export function openVaultBudget(targets: KV, site: () => Pick<Site, 'vault'>): VaultBudget {
  return {
    async pace(requests, signal) {
      const waitMs = await reserve(requests)
      if (waitMs > 0) await sleep(waitMs, undefined, { signal })
    },
  }

  async function reserve(requests: number): Promise<number> {
    for (;;) {
      const found = await targets.get(vaultBudgetKey)
      const before = found?.operation === 'PUT' ? allowance.safeParse(found.json()).data : undefined
      const { next, waitMs } = takeRequests(before, requests, site().vault.requestsPer5Min, Date.now())
      const value = JSON.stringify(next)
      const written = await attempt(() =>
        found ? targets.update(vaultBudgetKey, value, found.revision) : targets.create(vaultBudgetKey, value),
      )
      if (written !== undefined) return waitMs
    }
  }
}
