/**
 * The rate limit of the Vault stand-in, as Vault's quota with a block interval (htvault-config sets one): a client that asks
 * too often is refused for a time, however it asks meanwhile. Keeps record of who asked all the same.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Faults } from '../faults.ts'

/** `<dir>/vault/rate-limit.json`. */
export interface RateLimitRecord {
  /** RFC 3339; of the client that was refused last. */
  readonly blockedFrom: string
  readonly blockedUntil: string
  /** Requests refused in this time, by client address: the first one told the client; more were impolite. */
  readonly refused: Readonly<Record<string, number>>
}

/** A time that begins with a client's first request and ends by the clock, whatever is asked in it (milliseconds). */
interface Period {
  readonly from: number
  readonly until: number
}

/** Never limited, as in Vault. */
const exempt = new Set(['/v1/sys/health', '/v1/sys/seal-status'])

/** How much longer a client is refused (seconds), or undefined where it is served. */
export interface RateLimit {
  refuses(client: string, path: string, faults: Faults): number | undefined
}

/** `vault-rate-limit` refuses a client from its next request on, once per switching on; `vault-quota` those who ask too often. */
export function createRateLimit(dir: string): RateLimit {
  let of: string | undefined
  let refused: Record<string, number> = {}
  const blocked = new Map<string, Period>()
  const served = new Map<string, Period & { count: number }>()

  /** Whatever was counted before the faults were changed. */
  function forget(faults: Faults): void {
    const now = JSON.stringify([faults['vault-rate-limit'], faults['vault-quota']])
    if (now === of) return
    of = now
    refused = {}
    blocked.clear()
    served.clear()
  }

  function isTooMuch(client: string, quota: string, now: number): boolean {
    const [requests = 0, seconds = 0] = quota.split('/').map(Number)
    const before = served.get(client)
    const window = before && now < before.until ? before : { ...periodOf(seconds, now), count: 0 }
    window.count += 1
    served.set(client, window)
    return window.count > requests
  }

  function block(client: string, faults: Faults, now: number): Period | undefined {
    const [seconds, quota] = [faults['vault-rate-limit'], faults['vault-quota']]
    const before = blocked.get(client)
    if (before && (now < before.until || quota === undefined)) return before
    if (seconds !== undefined) return periodOf(seconds, now)
    if (quota === undefined || !isTooMuch(client, quota, now)) return undefined
    return periodOf(Number(quota.split('/')[1]), now)
  }

  return {
    refuses(client, path, faults) {
      forget(faults)
      const now = Date.now()
      const period = exempt.has(path) ? undefined : block(client, faults, now)
      if (!period) return undefined
      blocked.set(client, period)
      if (now >= period.until) return undefined
      refused[client] = (refused[client] ?? 0) + 1
      const record: RateLimitRecord = {
        blockedFrom: new Date(period.from).toISOString(),
        blockedUntil: new Date(period.until).toISOString(),
        refused,
      }
      writeFileSync(join(dir, 'vault', 'rate-limit.json'), `${JSON.stringify(record)}\n`)
      return Math.ceil((period.until - now) / 1_000)
    },
  }
}

const periodOf = (seconds: number, now: number): Period => ({ from: now, until: now + seconds * 1_000 })
