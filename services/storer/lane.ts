/** The one lane in front of condor_vault_storer: whoever waits runs strictly alone, in the order of asking. */

export interface Lane {
  /**
   * Runs `work` when all who asked before have ended; it calls `underway` once its command has been started. Throws the
   * signal's reason where it is aborted while waiting.
   */
  run<T>(work: (underway: () => void) => Promise<T>, signal: AbortSignal): Promise<T>
  /** Ends when nobody is just about to start a command: what can wait gives way to that. */
  calm(): Promise<void>
  /** How long the lane has been taken since it was opened (milliseconds). */
  busyMs(): number
}

/** An empty lane. `now` is a monotonic clock in milliseconds. */
export function openLane(now: () => number = () => performance.now()): Lane {
  const waiting: (() => void)[] = []
  let takenAt: number | undefined
  let starting = Promise.withResolvers<void>()
  starting.resolve()
  let busyMs = 0

  function take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (takenAt === undefined) {
      takenAt = now()
      starting = Promise.withResolvers()
      return Promise.resolve()
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const enter = () => {
      signal.removeEventListener('abort', leave)
      resolve()
    }
    const leave = () => {
      waiting.splice(waiting.indexOf(enter), 1)
      reject(signal.reason)
    }
    signal.addEventListener('abort', leave, { once: true })
    waiting.push(enter)
    return promise
  }

  /** Handed over directly: whoever asks in the meantime comes after those who waited. */
  function free(): void {
    const at = now()
    busyMs += at - (takenAt ?? at)
    const next = waiting.shift()
    takenAt = next ? at : undefined
    if (!next) return
    starting = Promise.withResolvers()
    next()
  }

  return {
    async run(work, signal) {
      await take(signal)
      const { resolve: underway } = starting
      try {
        return await work(underway)
      } finally {
        underway()
        free()
      }
    },
    calm: () => starting.promise,
    busyMs: () => busyMs + (takenAt === undefined ? 0 : now() - takenAt),
  }
}
