/** What tests wait for instead of sleeping: a door that opens once, a list that fills, and a bound on all waiting. */
import { setTimeout as sleep } from 'node:timers/promises'

export interface Latch<T = void> {
  /** Resolves when it is opened. */
  readonly opened: Promise<T>
  open(value: T): void
}

export function latch<T = void>(): Latch<T> {
  const { promise, resolve } = Promise.withResolvers<T>()
  return { opened: promise, open: resolve }
}

export interface Collection<T> {
  readonly items: readonly T[]
  add(item: T): void
  /** Resolves when it holds at least so many; rejects after `withinMs`. */
  reached(count: number, withinMs?: number): Promise<readonly T[]>
}

/** A list that others fill. */
export function collect<T>(): Collection<T> {
  const items: T[] = []
  let grown = latch()
  return {
    items,
    add(item) {
      items.push(item)
      grown.open()
      grown = latch()
    },
    async reached(count, withinMs = 60_000) {
      const deadline = Date.now() + withinMs
      while (items.length < count)
        await within(grown.opened, deadline - Date.now(), `${count} items (${items.length} so far)`)
      return items
    },
  }
}

/** The promise's value; rejects when it takes longer. */
export async function within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`not within ${ms} ms: ${what}`)), Math.max(0, ms))
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Looks until it is true: for what another process does without telling. */
export async function eventually(
  look: () => Promise<boolean>,
  what: string,
  withinMs = 60_000,
): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!(await look())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`)
    await sleep(20)
  }
}
