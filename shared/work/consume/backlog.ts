/** What a consumer holds: what waits, what is at work, and who is next. The server hears of all of it that it is still worked on. */
import type { JsMsg } from '@nats-io/jetstream'

/** A message that could be read. `message` is its newest delivery. */
export interface Held<T> {
  message: JsMsg
  readonly body: T
}

/** Who is next. */
export interface Choice<T> {
  readonly concurrency: number
  /** Which waiting message may start now, given those at work; undefined: none yet. Default: the oldest. */
  readonly choose?: (waiting: readonly T[], working: readonly T[]) => T | undefined
  /** It waits for something else than its turn, so that messages behind it are pulled besides. */
  readonly isParked?: (body: T) => boolean
}

export interface BacklogOptions<T> extends Choice<T> {
  /** A newer message of a subject takes the place of the one that waits. */
  readonly keepsNewest: boolean
  /** How long the server waits for a sign of life before it delivers a message again (milliseconds). */
  readonly ackWaitMs: number
  /** Never rejects. */
  readonly work: (held: Held<T>) => Promise<void>
}

interface AtWork<T> {
  readonly held: Held<T>
  /** Monotonic, milliseconds. */
  readonly begun: number
}

/** Messages held at most: what waits here is kept alive, the rest waits in the stream. */
const mostHeld = 256

/** What tells a message from every other: sequences alone start again in a stream that was made anew. */
export const keyOf = ({ seq, timestampNanos }: JsMsg) => `${seq} ${timestampNanos}`

export class Backlog<T> implements Disposable {
  readonly #options: BacklogOptions<T>
  readonly #waiting = new Map<string, Held<T>>()
  readonly #working = new Map<string, AtWork<T>>()
  readonly #running = new Set<Promise<void>>()
  #isClosed = false
  /** Something has ended, or everything has. */
  #ended = Promise.withResolvers<void>()
  #heartbeat: NodeJS.Timeout | undefined

  constructor(options: BacklogOptions<T>) {
    this.#options = options
  }

  /** How many messages may be pulled: as soon as there is room for one, or 0 once it is closed. */
  async room(): Promise<number> {
    while (!this.#isClosed) {
      const free = mostHeld - this.#countTurns() - this.#working.size
      if (free > 0) return free
      this.#ended = Promise.withResolvers()
      await this.#ended.promise
    }
    return 0
  }

  /** What is at work, and since when the oldest of it. */
  pulse(): { readonly working: number; readonly oldestWork: number | null } {
    const begun = [...this.#working.values()].map((one) => one.begun)
    return { working: begun.length, oldestWork: begun.length > 0 ? Math.min(...begun) : null }
  }

  /** Whether it is held already: then this delivery is the one that the server hears of from now on. */
  renew(message: JsMsg): boolean {
    const key = keyOf(message)
    const known = this.#waiting.get(key) ?? this.#working.get(key)?.held
    if (known) known.message = message
    return known !== undefined
  }

  add(held: Held<T>): void {
    if (this.#options.keepsNewest) this.#dropReplaced(held.message)
    this.#waiting.set(keyOf(held.message), held)
    this.#keepAlive()
    this.#startWork()
  }

  /** Begins nothing any more. */
  close(): void {
    this.#isClosed = true
    this.#ended.resolve()
  }

  /** Hands back what waits. */
  handBack(): void {
    for (const { message } of this.#waiting.values()) message.nak()
    this.#waiting.clear()
  }

  /** Resolves when what is at work now has ended. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#running)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#heartbeat)
  }

  #startWork(): void {
    while (!this.#isClosed && this.#working.size < this.#options.concurrency && this.#waiting.size > 0) {
      const next = this.#pick()
      if (!next) return
      const [key, held] = next
      this.#waiting.delete(key)
      this.#working.set(key, { held, begun: performance.now() })
      const work = this.#options.work(held).finally(() => {
        this.#working.delete(key)
        this.#running.delete(work)
        this.#ended.resolve()
        this.#startWork()
      })
      this.#running.add(work)
    }
  }

  #pick(): [string, Held<T>] | undefined {
    const { choose } = this.#options
    if (!choose) return this.#waiting.entries().next().value
    const chosen = choose(
      [...this.#waiting.values()].map(({ body }) => body),
      [...this.#working.values()].map(({ held }) => held.body),
    )
    return this.#waiting.entries().find(([, { body }]) => body === chosen)
  }

  /** A newer run's item has taken an older one's place in the queue: what of that still waits here is not to be done. */
  #dropReplaced({ subject, seq }: JsMsg): void {
    for (const [key, { message }] of this.#waiting)
      if (message.subject === subject && message.seq < seq) {
        this.#waiting.delete(key)
        message.term()
      }
  }

  /** How many wait for their turn alone. */
  #countTurns(): number {
    const { isParked } = this.#options
    if (!isParked) return this.#waiting.size
    return [...this.#waiting.values()].filter(({ body }) => !isParked(body)).length
  }

  /** As long as there is anything to keep alive: an idle daemon sleeps. */
  #keepAlive(): void {
    this.#heartbeat ??= setInterval(() => {
      const working = [...this.#working.values()].map(({ held }) => held)
      const held = [...this.#waiting.values(), ...working]
      for (const { message } of held) message.working()
      if (held.length > 0) return
      clearInterval(this.#heartbeat)
      this.#heartbeat = undefined
    }, this.#options.ackWaitMs / 3)
  }
}
