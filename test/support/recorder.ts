/** Remembers what happened, in order, and waits for what has not happened yet. */
export interface Recorder<T> {
  readonly all: readonly T[]
  add(one: T): void
  /** The first of the kind, also one that came before; fails after `withinMs`, saying what it waited for. */
  until(what: string, isIt: (one: T) => boolean, withinMs?: number): Promise<T>
}

export function createRecorder<T>(): Recorder<T> {
  const all: T[] = []
  const waiting = new Set<() => void>()
  return {
    all,
    add(one) {
      all.push(one)
      for (const look of [...waiting]) look()
    },
    until(what, isIt, withinMs = 60_000) {
      return new Promise((resolve, reject) => {
        const look = () => {
          const found = all.find(isIt)
          if (found === undefined) return
          end()
          resolve(found)
        }
        const timer = setTimeout(() => {
          end()
          reject(new Error(`${what} did not happen within ${withinMs} ms`))
        }, withinMs)
        const end = () => {
          clearTimeout(timer)
          waiting.delete(look)
        }
        waiting.add(look)
        look()
      })
    },
  }
}
