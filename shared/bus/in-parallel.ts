/** Does the same to many things, a bounded number at a time: the bus answers each in a fraction of a millisecond, but only when asked. */

/** At the same time. */
const most = 64

/** What `work` gave for each, in their order. Throws the first error, once nothing is under way any more. */
export async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length)
  const waiting = items.entries()
  const workOn = async () => {
    for (const [index, item] of waiting) results[index] = await work(item)
  }
  const ended = await Promise.allSettled(Array.from({ length: Math.min(most, items.length) }, workOn))
  for (const one of ended) if (one.status === 'rejected') throw one.reason
  return results
}
