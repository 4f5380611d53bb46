/** How many pushes a node gets at once: fewer after sshd dropped a connection (MaxStartups), one more after calm. */
import { backoffMs } from '../../../shared/contracts/backoff.ts'

/** What is remembered of a node that dropped a connection. */
export interface ConcurrencyLimit {
  /** Pushes at the same time, at least one. */
  readonly most: number
  /** Dropped connections since the last push that got through. */
  readonly drops: number
  /** Pushes that got through since the last change. */
  readonly calm: number
}

/** So many pushes have to get through before a node is trusted with one more. */
const calmBeforeMore = 8
/** So many dropped connections in a row are a failure: it is not the number of our own. */
export const mostDrops = 8

/** Half as many from now on. Pure. */
export const afterDrop = (limit: ConcurrencyLimit | undefined, perNode: number): ConcurrencyLimit => ({
  most: Math.max(1, Math.floor((limit?.most ?? perNode) / 2)),
  drops: (limit?.drops ?? 0) + 1,
  calm: 0,
})

/** One more after a while; undefined when the node gets as many as any other. Pure. */
export function afterAnswer(limit: ConcurrencyLimit, perNode: number): ConcurrencyLimit | undefined {
  const calm = limit.calm + 1
  if (calm < calmBeforeMore) return { ...limit, drops: 0, calm }
  return limit.most + 1 < perNode ? { most: limit.most + 1, drops: 0, calm: 0 } : undefined
}

export interface ConcurrencyLimits {
  /** How many pushes at the same time the node gets. */
  mostAt(node: string): number
  answered(node: string): void
  /** The wait before the next try (milliseconds), or undefined when it has happened too often to go on in silence. */
  dropped(node: string): number | undefined
}

/** Remembers the limits of nodes; `perNode` is what the configuration allows now. */
export function openConcurrencyLimits(perNode: () => number): ConcurrencyLimits {
  const limits = new Map<string, ConcurrencyLimit>()
  return {
    mostAt: (node) => Math.min(perNode(), limits.get(node)?.most ?? Number.POSITIVE_INFINITY),
    answered(node) {
      const limit = limits.get(node)
      if (!limit) return
      const next = afterAnswer(limit, perNode())
      if (next) limits.set(node, next)
      else limits.delete(node)
    },
    dropped(node) {
      const limit = afterDrop(limits.get(node), perNode())
      limits.set(node, limit)
      if (limit.drops > mostDrops) return undefined
      return backoffMs(limit.drops, { firstMs: 200, longestMs: 3_000 })
    },
  }
}
