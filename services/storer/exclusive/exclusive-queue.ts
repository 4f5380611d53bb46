/** The lanes in front of what stores: so many may run at once, and whoever waits comes in the order of asking. */

export interface ExclusiveQueue {
  /** Runs `work` in a lane, by its number from 1. Throws the signal's reason where it is aborted while waiting. */
  inTurn<T>(work: (lane: number) => Promise<T>, signal: AbortSignal): Promise<T>
}

/** `lanes` says how many there are now: where they have become fewer, nobody starts until enough of those under way have ended. */
export function openExclusiveQueue(lanes: () => number = () => 1): ExclusiveQueue {
  const waiting: ((lane: number) => void)[] = []
  const taken = new Set<number>()
  /** When each lane was left last, as a count: whoever meets a lock in one gets another one next. */
  const left = new Map<number, number>()
  let turn = 0

  /** At one lane nobody is beside it, whatever its number. */
  function freeLane(): number | undefined {
    const count = lanes()
    if (taken.size >= count) return undefined
    const free = Array.from({ length: count }, (_, index) => index + 1).filter((lane) => !taken.has(lane))
    return free.toSorted((one, other) => (left.get(one) ?? 0) - (left.get(other) ?? 0))[0]
  }

  function letIn(): void {
    for (let lane = freeLane(); lane !== undefined && waiting.length > 0; lane = freeLane()) {
      taken.add(lane)
      waiting.shift()?.(lane)
    }
  }

  function take(signal: AbortSignal): Promise<number> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const enter = (lane: number) => {
      signal.removeEventListener('abort', leave)
      resolve(lane)
    }
    const leave = () => {
      waiting.splice(waiting.indexOf(enter), 1)
      reject(signal.reason)
    }
    signal.addEventListener('abort', leave, { once: true })
    waiting.push(enter)
    letIn()
    return promise
  }

  return {
    async inTurn(work, signal) {
      const lane = await take(signal)
      try {
        return await work(lane)
      } finally {
        taken.delete(lane)
        left.set(lane, ++turn)
        letIn()
      }
    },
  }
}
