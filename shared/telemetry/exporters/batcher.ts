/**
 * Takes things to a far end in batches, and never lets that end be felt: what is offered waits in a bounded buffer, one
 * batch is on its way at a time and for a bounded time, and what does not fit is dropped and counted.
 */
import { setTimeout as sleep } from 'node:timers/promises'

/** How a batch fared: `later` is tried again, `refused` never. */
export type Delivery = 'taken' | 'later' | 'refused'

export interface BatcherOptions<T> {
  /** What one item takes of the buffer (bytes, roughly). */
  readonly sizeOf: (item: T) => number
  /** Held at most; what is offered beyond is dropped (bytes). */
  readonly maxBytes: number
  /** Sent at once at most (bytes, items). */
  readonly batchBytes: number
  readonly batchItems: number
  /** How long the first item of a batch waits for others (milliseconds). */
  readonly lingerMs: number
  /** How long one batch may take (milliseconds). */
  readonly timeoutMs: number
  /** Must end when the signal is aborted; what it throws counts as `later`. */
  readonly send: (items: readonly T[], signal: AbortSignal) => Promise<Delivery>
  readonly onDropped: (items: number) => void
  /** Between attempts after a failure: doubled from the first to the longest (milliseconds). */
  readonly backoff?: { readonly firstMs: number; readonly longestMs: number }
}

export interface Batcher<T> extends AsyncDisposable {
  /** Returns at once, always. */
  offer(item: T): void
  /** Bytes held now. */
  held(): number
}

/** How long disposing may take; what is not sent by then is dropped (milliseconds). */
const lastChanceMs = 2_000
const usualBackoff = { firstMs: 1_000, longestMs: 30_000 }

/** An empty one. It keeps no process alive. Disposing tries once more, for two seconds at most. */
export function openBatcher<T>(options: BatcherOptions<T>): Batcher<T> {
  const { sizeOf, maxBytes, onDropped, backoff = usualBackoff } = options
  let waiting: T[] = []
  let waitingBytes = 0
  let sentBytes = 0
  let working: Promise<void> | undefined
  const hurry = new AbortController()
  const giveUp = new AbortController()
  let full = Promise.withResolvers<void>()

  function offer(item: T): void {
    const size = sizeOf(item)
    if (giveUp.signal.aborted || waitingBytes + sentBytes + size > maxBytes) {
      onDropped(1)
      return
    }
    waiting.push(item)
    waitingBytes += size
    if (waitingBytes >= options.batchBytes || waiting.length >= options.batchItems) full.resolve()
    start()
  }

  function start(): void {
    working ??= sendAll().finally(() => {
      working = undefined
      // Something may have been offered while this was ending.
      if (waiting.length > 0 && !giveUp.signal.aborted) start()
    })
  }

  async function sendAll(): Promise<void> {
    while (waiting.length > 0 && !giveUp.signal.aborted) {
      await Promise.race([full.promise, pause(options.lingerMs)])
      await sendBatch(takeBatch())
    }
  }

  function takeBatch(): T[] {
    full = Promise.withResolvers()
    let bytes = 0
    let count = 0
    while (count < waiting.length && count < options.batchItems) {
      const size = sizeOf(waiting[count] as T)
      if (count > 0 && bytes + size > options.batchBytes) break
      bytes += size
      count += 1
    }
    const batch = waiting.slice(0, count)
    waiting = waiting.slice(count)
    waitingBytes -= bytes
    sentBytes = bytes
    if (waitingBytes >= options.batchBytes || waiting.length >= options.batchItems) full.resolve()
    return batch
  }

  async function sendBatch(batch: readonly T[]): Promise<void> {
    for (let delayMs = backoff.firstMs; ; delayMs = Math.min(delayMs * 2, backoff.longestMs)) {
      const delivery = await attempt(batch)
      if (delivery === 'taken') break
      if (delivery === 'refused' || giveUp.signal.aborted || hurry.signal.aborted) {
        onDropped(batch.length)
        break
      }
      await pause(delayMs)
    }
    sentBytes = 0
  }

  async function attempt(batch: readonly T[]): Promise<Delivery> {
    const deadline = new AbortController()
    const timer = setTimeout(() => deadline.abort(), options.timeoutMs).unref()
    try {
      return await options.send(batch, AbortSignal.any([deadline.signal, giveUp.signal]))
    } catch {
      return 'later'
    } finally {
      clearTimeout(timer)
    }
  }

  /** Ends early once there is no time left. */
  const pause = (ms: number) =>
    sleep(ms, undefined, { ref: false, signal: hurry.signal }).catch(() => undefined)

  return {
    offer,
    held: () => waitingBytes + sentBytes,
    async [Symbol.asyncDispose]() {
      hurry.abort()
      const timer = setTimeout(() => giveUp.abort(), lastChanceMs)
      await working
      clearTimeout(timer)
      giveUp.abort()
      if (waiting.length > 0) onDropped(waiting.length)
      waiting = []
    },
  }
}
