/** Follows a bucket for as long as somebody wants to, whatever happens to the bus meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type KV, type KvWatchEntry, KvWatchInclude } from '@nats-io/kv'

export interface Following {
  /** A look at the whole begins: what was known before is seen again, or is gone. */
  begin(): void
  /** A change of one key; `value` is its JSON, undefined where it was deleted or is none. */
  see(key: string, value: unknown): void
  /** Everything that was there when the look began has been seen. May be said more than once. */
  caughtUp?(): void
  /** The bucket cannot be followed now; it is tried again. */
  failed(reason: string): void
  /** Nothing of what is there already, only what changes. */
  readonly updatesOnly?: boolean
}

/** Before a bucket is followed again that could not be (milliseconds). */
const pauseMs = 5_000

/** Ends when `signal` says so. */
export async function followBucket(kv: KV, following: Following, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await followOnce(kv, following, signal)
    } catch (error) {
      if (!signal.aborted) following.failed((error as Error).message)
    }
    await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => undefined)
  }
}

async function followOnce(kv: KV, following: Following, signal: AbortSignal): Promise<void> {
  const { updatesOnly = false, caughtUp } = following
  const isEmpty = updatesOnly || (caughtUp !== undefined && (await kv.status()).values === 0)
  following.begin()
  const changes = await kv.watch(updatesOnly ? { include: KvWatchInclude.UpdatesOnly } : {})
  const stop = () => changes.stop()
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  if (isEmpty) caughtUp?.()
  try {
    for await (const change of changes) {
      following.see(change.key, readChange(change))
      if (change.isUpdate) caughtUp?.()
    }
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

function readChange(change: KvWatchEntry): unknown {
  try {
    return change.operation === 'PUT' ? change.json() : undefined
  } catch {
    return undefined
  }
}
