/** How many pushes a node gets at once: fewer after sshd dropped a connection (MaxStartups), one more after calm. */
import { backoffMs } from '../../shared/ends.ts'

/** What is remembered of a node that dropped a connection. */
export interface Pace {
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
export const afterDrop = (pace: Pace | undefined, perNode: number): Pace => ({
  most: Math.max(1, Math.floor((pace?.most ?? perNode) / 2)),
  drops: (pace?.drops ?? 0) + 1,
  calm: 0,
})

/** One more after a while; undefined when the node gets as many as any other. Pure. */
export function afterAnswer(pace: Pace, perNode: number): Pace | undefined {
  const calm = pace.calm + 1
  if (calm < calmBeforeMore) return { ...pace, drops: 0, calm }
  return pace.most + 1 < perNode ? { most: pace.most + 1, drops: 0, calm: 0 } : undefined
}

export interface Paces {
  /** How many pushes at the same time the node gets. */
  mostAt(node: string): number
  answered(node: string): void
  /** The wait before the next try (milliseconds), or undefined when it has happened too often to go on in silence. */
  dropped(node: string): number | undefined
}

/** Remembers the paces of nodes; `perNode` is what the configuration allows now. */
export function openPaces(perNode: () => number): Paces {
  const paces = new Map<string, Pace>()
  return {
    mostAt: (node) => Math.min(perNode(), paces.get(node)?.most ?? Number.POSITIVE_INFINITY),
    answered(node) {
      const pace = paces.get(node)
      if (!pace) return
      const next = afterAnswer(pace, perNode())
      if (next) paces.set(node, next)
      else paces.delete(node)
    },
    dropped(node) {
      const pace = afterDrop(paces.get(node), perNode())
      paces.set(node, pace)
      if (pace.drops > mostDrops) return undefined
      return backoffMs(pace.drops, { firstMs: 200, longestMs: 3_000 })
    },
  }
}
