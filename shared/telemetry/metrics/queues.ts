/** How full the work queues are: asked of the server when somebody reads the metrics, never in between. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type StreamName, streams } from '../../contracts/subjects.ts'
import { gauge } from './registry.ts'

export type Queue = 'refresh' | 'store' | 'push' | 'notify'

const queues: Partial<Record<StreamName, Queue>> = {
  [streams.refresh]: 'refresh',
  [streams.store]: 'store',
  [streams.push]: 'push',
  [streams.notify]: 'notify',
}

/** The queue that a stream is; undefined for streams of facts. */
export const queueOf = (stream: StreamName): Queue | undefined => queues[stream]

/** How long the server may take to say it (milliseconds); without an answer there is no series. */
const patienceMs = 1_000

/** The consumers of this process: each says how many messages wait or are worked on. */
const readers = new Map<Queue, () => Promise<number>>()

/** Items not done yet. Every replica says the same: use `max by (queue)`. */
export const queueDepth = gauge(
  'queue_depth',
  'Items that wait, are worked on or will be tried again, by queue (refresh, store, push, notify).',
  ['queue'],
  async function () {
    this.reset()
    await Promise.all(
      [...readers].map(async ([queue, read]) => {
        const depth = await Promise.race([
          read().catch(() => undefined),
          sleep(patienceMs, undefined, { ref: false }),
        ])
        if (depth !== undefined) this.set({ queue }, depth)
      }),
    )
  },
)

/** Shows this queue's depth until it is disposed. */
export function showQueue(queue: Queue, read: () => Promise<number>): Disposable {
  readers.set(queue, read)
  return {
    [Symbol.dispose]() {
      if (readers.get(queue) === read) readers.delete(queue)
    },
  }
}
