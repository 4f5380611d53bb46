/** The one lane in front of condor_vault_storer: whoever waits runs strictly alone, in the order of asking. */

/** What the work in the lane is given. */
export interface Turn<T> {
  /** What `approach` answered: asked when the run before was about to end, at the earliest. */
  readonly approached: Promise<T>
  /** To be called once the command has been started. */
  underway(): void
  /** To be called when the command is about to end: the next one may approach. */
  closing(): void
}

export interface Lane {
  /**
   * Runs `work` when all who asked before have ended. Throws the signal's reason where it is aborted while waiting.
   * `approach` is the question to be answered right before; it must not do anything.
   */
  run<T, A = void>(
    work: (turn: Turn<A>) => Promise<T>,
    signal: AbortSignal,
    approach?: () => Promise<A>,
  ): Promise<T>
  /** Ends when nobody is just about to start a command: what can wait gives way to that. */
  calm(): Promise<void>
}

interface Waiter {
  approach(): void
  enter(): void
}

/** An empty lane. */
export function openLane(): Lane {
  const waiting: Waiter[] = []
  let isTaken = false
  let starting = Promise.withResolvers<void>()
  starting.resolve()

  function take(approach: () => void, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (!isTaken) {
      isTaken = true
      starting = Promise.withResolvers()
      return Promise.resolve()
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiter: Waiter = {
      approach,
      enter() {
        signal.removeEventListener('abort', leave)
        resolve()
      },
    }
    const leave = () => {
      waiting.splice(waiting.indexOf(waiter), 1)
      reject(signal.reason)
    }
    signal.addEventListener('abort', leave, { once: true })
    waiting.push(waiter)
    return promise
  }

  /** Handed over directly: whoever asks in the meantime comes after those who waited. */
  function free(): void {
    const next = waiting.shift()
    isTaken = next !== undefined
    if (!next) return
    starting = Promise.withResolvers()
    next.enter()
  }

  return {
    async run<T, A>(
      work: (turn: Turn<A>) => Promise<T>,
      signal: AbortSignal,
      approach: () => Promise<A> = () => Promise.resolve() as Promise<A>,
    ) {
      let approached: Promise<A> | undefined
      const ask = () => {
        approached ??= approach()
        // Whoever leaves before its turn does not hear the answer.
        approached.catch(() => undefined)
        return approached
      }
      await take(ask, signal)
      const { resolve: underway } = starting
      try {
        return await work({ approached: ask(), underway, closing: () => waiting[0]?.approach() })
      } finally {
        underway()
        free()
      }
    },
    calm: () => starting.promise,
  }
}
