/** The points of a daemon that are known, and which of them is next: each of them once, in an order that the seed decides, then any. */
import type { Kill } from './points.ts'

interface Known {
  /** How often a life comes there at most. */
  times: number
  /** It was seen before the daemon was ready, or in a life that had begun in the middle of a run. */
  isOfStart: boolean
  chosen: number
}

export class Pool {
  readonly #known = new Map<string, Known>()
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  get size(): number {
    return this.#known.size
  }

  learn(points: ReadonlyMap<string, number>, { isOfStart }: { readonly isOfStart: boolean }): void {
    for (const [point, times] of points) {
      const known = this.#known.get(point)
      if (!known) this.#known.set(point, { times, isOfStart, chosen: 0 })
      else known.times = Math.max(known.times, times)
    }
  }

  /** How many were never chosen. */
  left(): number {
    return [...this.#known.values()].filter(({ chosen }) => chosen === 0).length
  }

  /** The ends of a life that is in the middle of its work, and of the next ones, which pass what comes at a start as well. */
  next(lives: number): Kill[] {
    return Array.from({ length: lives }, (_, life) => this.#choose(life === 0))
  }

  #choose(isReady: boolean): Kill {
    const known = [...this.#known].filter(([, { isOfStart }]) => !(isReady && isOfStart))
    const least = Math.min(...known.map(([, { chosen }]) => chosen))
    const rare = known.filter(([, { chosen }]) => chosen === least)
    const [point, one] = rare[Math.floor(this.#random() * rare.length)] as [string, Known]
    one.chosen += 1
    // Later lives have less before them.
    const last = isReady ? Math.min(one.times, 20) : 1
    return { point, time: 1 + Math.floor(this.#random() ** 2 * last) }
  }
}
