/** The rate limit of the Vault stand-in: a time in which every client is refused, and who asked all the same. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** `<dir>/vault/rate-limit.json`. */
export interface RateLimitRecord {
  /** RFC 3339. */
  readonly blockedFrom: string
  readonly blockedUntil: string
  /** Requests refused in this time, by client address: the first one told the client; more were impolite. */
  readonly refused: Readonly<Record<string, number>>
}

/** Answers whether a request is refused. A fault begins with the first request after it was switched on, once per switching on. */
export function createRateLimit(dir: string): {
  refuses(client: string, seconds: number | undefined): boolean
} {
  let active: { seconds: number; from: number; refused: Record<string, number> } | undefined
  return {
    refuses(client, seconds) {
      if (seconds === undefined) {
        active = undefined
        return false
      }
      if (active?.seconds !== seconds) active = { seconds, from: Date.now(), refused: {} }
      const until = active.from + seconds * 1000
      if (Date.now() >= until) return false
      active.refused[client] = (active.refused[client] ?? 0) + 1
      const record: RateLimitRecord = {
        blockedFrom: new Date(active.from).toISOString(),
        blockedUntil: new Date(until).toISOString(),
        refused: active.refused,
      }
      writeFileSync(join(dir, 'vault', 'rate-limit.json'), `${JSON.stringify(record)}\n`)
      return true
    },
  }
}
