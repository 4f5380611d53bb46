/** Vault is asked politely: refresher and storer share one allowance of requests, and wait for their turn before they ask. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KV } from '@nats-io/kv'
import { attempt } from './compare-and-set.ts'
import type { Site } from './config/site.ts'
import { vaultBudgetKey } from './subjects.ts'
import { z } from './zod.ts'

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
  /**
   * Returns when it is this caller's turn to send so many requests: true when that took waiting. Throws the signal's reason
   * when it is aborted.
   */
  pace(requests: number, signal: AbortSignal): Promise<boolean>
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

/** The same for several callers, one after the other. Pure. */
export function takeInTurn(
  before: Allowance | undefined,
  asked: readonly number[],
  limit: number,
  now: number,
) {
  let next = before
  const waitsMs = asked.map((requests) => {
    const taken = takeRequests(next, requests, limit, now)
    next = taken.next
    return taken.waitMs
  })
  return { next, waitsMs }
}

interface Asking {
  readonly requests: number
  readonly turn: PromiseWithResolvers<number>
}

/** The allowance lies in the bucket `targets`, which both daemons write. Who asks while it is being written waits for the next write. */
export function openVaultBudget(targets: KV, site: () => Pick<Site, 'vault'>): VaultBudget {
  let asking: Asking[] = []
  let writing = Promise.resolve()
  /** As we left it, which mostly is as it still is. */
  let known: { readonly allowance: Allowance | undefined; readonly revision: number } | undefined

  return {
    async pace(requests, signal) {
      const waitMs = await reserve(requests)
      if (waitMs > 0) await sleep(waitMs, undefined, { signal })
      return waitMs > 0
    },
  }

  function reserve(requests: number): Promise<number> {
    const turn = Promise.withResolvers<number>()
    asking.push({ requests, turn })
    if (asking.length === 1) writing = writing.then(reserveForAll)
    return turn.promise
  }

  async function reserveForAll(): Promise<void> {
    const all = asking
    asking = []
    try {
      const waitsMs = await write(all.map(({ requests }) => requests))
      for (const [index, { turn }] of all.entries()) turn.resolve(waitsMs[index] ?? 0)
    } catch (error) {
      for (const { turn } of all) turn.reject(error)
    }
  }

  async function write(requests: readonly number[]): Promise<readonly number[]> {
    for (;;) {
      const { allowance: before, revision } = known ?? (await read())
      const { next, waitsMs } = takeInTurn(before, requests, site().vault.requestsPer5Min, Date.now())
      const value = JSON.stringify(next)
      const written = await attempt(() =>
        revision === 0
          ? targets.create(vaultBudgetKey, value)
          : targets.update(vaultBudgetKey, value, revision),
      )
      known = written === undefined ? undefined : { allowance: next, revision: written }
      if (written !== undefined) return waitsMs
    }
  }

  async function read() {
    const found = await targets.get(vaultBudgetKey)
    return {
      allowance: found?.operation === 'PUT' ? allowance.safeParse(found.json()).data : undefined,
      revision: found?.revision ?? 0,
    }
  }
}
