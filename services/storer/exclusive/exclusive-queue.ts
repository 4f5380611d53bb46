/** The one lane in front of condor_vault_storer: whoever waits runs strictly alone, in the order of asking. */

export interface ExclusiveQueue {
  /** Runs `work` when all who asked before have ended. Throws the signal's reason where it is aborted while waiting. */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>
}

/** An empty lane. */
export function openExclusiveQueue(): ExclusiveQueue {
  const waiting: (() => void)[] = []
  let isTaken = false

  function take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (!isTaken) {
      isTaken = true
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
    const next = waiting.shift()
    isTaken = next !== undefined
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
  }
}
