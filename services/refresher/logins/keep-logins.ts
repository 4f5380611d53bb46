/** Keeps the logins of this refresher and of its replicas the same: once a minute the newest goes to disk here and to the bus. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KV } from '@nats-io/kv'
import type { Logger } from 'pino'
import { isBusError } from '../../../shared/bus/bus-errors.ts'
import type { Site } from '../../../shared/config/site.ts'
import { RetryLater } from '../../../shared/contracts/errors.ts'
import { openLoginCopies } from './login-copies.ts'
import { openLoginFiles, tidyLogins } from './login-files.ts'
import { openOwnSeal } from './own-seal.ts'
import { type LoginKeeping, reconcile } from './use-login.ts'

/** How often replicas look (milliseconds); whoever finds the bus empty waits a little longer than that for them. */
const lookMs = 60_000

export interface KeepLoginsOptions {
  readonly site: () => Pick<Site, 'entries'>
  readonly bucket: KV
  readonly signingSeed: Uint8Array
  /** The refresher's. */
  readonly stateDirectory: string
  readonly log: Logger
}

/** Begins at once; disposing ends it. */
export function keepLogins({ site, bucket, signingSeed, stateDirectory, log }: KeepLoginsOptions) {
  const keeping: LoginKeeping = {
    files: openLoginFiles(stateDirectory),
    copies: openLoginCopies(bucket, openOwnSeal(signingSeed)),
    holder: randomUUID(),
    now: Date.now,
    unsaved: new Map(),
  }
  const stop = new AbortController()
  const look = async () => {
    for (const { name, oidc } of site().entries)
      if (oidc?.grant === 'refresh_token' && !stop.signal.aborted)
        await reconcile(name, keeping).catch((error: unknown) => tell(name, error))
  }
  function tell(entry: string, error: unknown): void {
    if (error instanceof RetryLater || isBusError(error) || stop.signal.aborted) return
    log.error({ err: error, entry }, 'a login cannot be kept here and on the bus')
  }
  const looking = (async () => {
    await tidyLogins(stateDirectory)
    while (!stop.signal.aborted) {
      await look()
      await sleep(lookMs, undefined, { signal: stop.signal }).catch(() => undefined)
    }
  })()
  return {
    keeping,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await looking
    },
  }
}
