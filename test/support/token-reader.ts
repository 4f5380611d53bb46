/** A reader of token files in a thread of its own, as fast as it can: what it finds is one of the tokens it knows, or wrong. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { eventually } from './latch.ts'

export interface ReaderPlan {
  readonly files: readonly string[]
  /** For each file everything that may lie there. */
  readonly contents: readonly (readonly string[])[]
  /** Two integers: 1 when it shall stop, and how many files it has opened. */
  readonly shared: SharedArrayBuffer
}

export interface Readings {
  readonly opens: number
  /** How many different contents were met, of those that may lie there. */
  readonly distinct: number
  /** The first that were absent, empty, torn or unknown. */
  readonly wrong: readonly string[]
}

export interface Reader extends Disposable {
  /** Ends when it has opened so many files since it was started. */
  untilOpened(count: number): Promise<void>
  /** Ends it and tells what it has found. */
  stop(): Promise<Readings>
}

/** Starts reading. Every file must be there already. Disposing ends it as well. */
export function startReader(plan: Omit<ReaderPlan, 'shared'>): Reader {
  const shared = new SharedArrayBuffer(8)
  const counters = new Int32Array(shared)
  const worker = new Worker(new URL('./token-reader-worker.ts', import.meta.url), {
    workerData: { ...plan, shared } satisfies ReaderPlan,
  })
  const told = once(worker, 'message') as Promise<[Readings]>
  // Whoever stops it hears of an error.
  told.catch(() => undefined)
  const tellToStop = () => Atomics.store(counters, 0, 1)
  return {
    [Symbol.dispose]: tellToStop,
    untilOpened: (count) =>
      eventually(async () => Atomics.load(counters, 1) >= count, `${count} files opened`),
    async stop() {
      tellToStop()
      const [readings] = await told
      return readings
    },
  }
}
