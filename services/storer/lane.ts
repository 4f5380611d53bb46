/** The one lane in front of condor_vault_storer: whoever waits runs strictly alone, in the order of asking. */

export interface Lane {
  /** Runs `work` when all who asked before have ended. Throws the signal's reason where it is aborted while waiting. */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>
  /** How long the lane has been taken since it was opened (milliseconds). */
  busyMs(): number
}

/** An empty lane. `now` is a monotonic clock in milliseconds. */
export function openLane(now: () => number = () => performance.now()): Lane {
  const waiting: (() => void)[] = []
  let takenAt: number | undefined
  let busyMs = 0

  function take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (takenAt === undefined) {
      takenAt = now()
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
    next?.()
  }

  return {
    async run(work, signal) {
      await take(signal)
      try {
        return await work()
      } finally {
        free()
      }
    },
    busyMs: () => busyMs + (takenAt === undefined ? 0 : now() - takenAt),
  }
}
