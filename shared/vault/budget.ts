/** The allowance of requests to Vault that refresher and storer share: each waits for its turn before it asks (`rate.ts`). */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KV, KvEntry } from '@nats-io/kv'
import type { Logger } from 'pino'
import { writeAt } from '../bus/compare-and-set.ts'
import { patiently } from '../bus/patiently.ts'
import { valueIn } from '../bus/read-value.ts'
import type { Site } from '../config/site.ts'
import { vaultBudgetKey } from '../contracts/subjects.ts'
import { type Allowance, allowance, believable, rateAt, slowDown, takeInTurn } from './rate.ts'

export interface VaultBudget {
  /**
   * Returns when it is this caller's turn to send so many requests: true when that took waiting. Throws the signal's reason
   * when it is aborted.
   */
  pace(requests: number, signal: AbortSignal): Promise<boolean>
  /** Vault has said that this was too fast. Answers the requests in five minutes from the end of the pause on. */
  slowDown(): Promise<number>
}

interface Asking {
  readonly requests: number
  readonly turn: PromiseWithResolvers<number>
}

/** The allowance lies in the bucket `targets`, which both daemons write. Who asks while it is being written waits for the next write. */
export function openVaultBudget(
  targets: KV,
  site: () => Pick<Site, 'vault'>,
  log?: Pick<Logger, 'warn'>,
): VaultBudget {
  let asking: Asking[] = []
  let writing = Promise.resolve()
  /** As we left it, which mostly is as it still is. */
  let known: { readonly allowance: Allowance | undefined; readonly revision: number } | undefined

  return {
    async pace(requests, signal) {
      const waitMs = await patiently(() => reserve(requests), { signal, log })
      if (waitMs > 0) await sleep(waitMs, undefined, { signal })
      return waitMs > 0
    },
    slowDown: () =>
      patiently(async () => {
        const { next } = await change((before, now) => ({
          next: slowDown(before, site().vault.rateLimitPause, now),
        }))
        return Math.round(rateAt(next, 0))
      }),
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
    const requests = all.map((one) => one.requests)
    try {
      const { waitsMs } = await change((before, now) =>
        takeInTurn(before, requests, site().vault.requestsPer5Min, now),
      )
      for (const [index, { turn }] of all.entries()) turn.resolve(waitsMs[index] ?? 0)
    } catch (error) {
      for (const { turn } of all) turn.reject(error)
    }
  }

  /** By compare-and-set: what others have asked for meanwhile counts. */
  async function change<T extends { readonly next: Allowance | undefined }>(
    decide: (before: Allowance | undefined, now: number) => T,
  ): Promise<T> {
    for (;;) {
      const { allowance: before, revision } = known ?? (await read())
      known = undefined
      const decided = decide(before, Date.now())
      const value = JSON.stringify(decided.next)
      const written = await writeAt(targets, vaultBudgetKey, value, revision)
      if (written === undefined) continue
      known = { allowance: decided.next, revision: written }
      return decided
    }
  }

  async function read() {
    const found = await targets.get(vaultBudgetKey)
    return { allowance: allowanceIn(found), revision: found?.revision ?? 0 }
  }

  function allowanceIn(found: KvEntry | null): Allowance | undefined {
    return believable(found ? valueIn(found, allowance) : undefined, Date.now())
  }
}
