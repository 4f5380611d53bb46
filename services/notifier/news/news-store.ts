/** Keeps news in the bucket `runs` from when it is known until it is told, and remembers what was told: each once. */
import type { KV } from '@nats-io/kv'
import { attempt, writeAt } from '../../../shared/bus/compare-and-set.ts'
import { inParallel } from '../../../shared/bus/in-parallel.ts'
import { readBucket } from '../../../shared/bus/read-bucket.ts'
import { isKey, readText, readValue } from '../../../shared/bus/read-value.ts'
import { time } from '../../../shared/contracts/messages.ts'
import { batchKey, newsKeys, toldKeys } from '../../../shared/contracts/subjects.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { type News, news } from './news.ts'

/** Pieces in one value: it has to fit into one NATS message. */
const together = 500
/** Values in one batch: their keys have to fit into one message too. */
const mostKeys = 5_000

/** The value of a key with news that wait. */
const pieces = z.array(news)

const batchId = z.ulid()

/** What is being told now: whoever finds it goes on with it, under the same id. */
const batch = z.object({
  id: batchId,
  at: time,
  keys: z.array(z.string().refine(isKey)).describe('Without their prefix.'),
})
export type KeptBatch = z.infer<typeof batch>

/** What keeps news for whoever brings it. */
export interface NewsKeeper {
  /** Keeps news under `id` (KV key tokens); what was kept or told under that id before stays as it is. */
  add(id: string, pieces: readonly News[]): Promise<void>
}

export const newsIn = (runs: KV): NewsKeeper => ({ add: (id, pieces) => addNews(runs, id, pieces) })

export async function addNews(runs: KV, id: string, pieces: readonly News[]): Promise<void> {
  for (let first = 0; first < pieces.length; first += together) {
    const key = `${id}.${first / together}`
    if ((await readText(runs, toldKeys.key(key), batchId)).value) continue
    const value = JSON.stringify(pieces.slice(first, first + together))
    await writeAt(runs, newsKeys.key(key), value, 0)
  }
}

/** The batch that is being told, or a new one of all the news there is; undefined where there is none. */
export async function takeBatch(runs: KV, newId: () => string, at: string): Promise<KeptBatch | undefined> {
  const { value: found, revision } = await readValue(runs, batchKey, batch)
  if (found) return found
  const kept = [...(await readBucket(runs, newsKeys.all)).values()]
  const keys = kept.flatMap(({ key, operation }) =>
    operation === 'PUT' && isKey(key) ? newsKeys.rest(key) : [],
  )
  if (keys.length === 0) return undefined
  const taken: KeptBatch = { id: newId(), at, keys: keys.toSorted().slice(0, mostKeys) }
  // Another notifier may have been faster: its batch is found at the next look.
  const written = await writeAt(runs, batchKey, JSON.stringify(taken), revision)
  return written === undefined ? undefined : taken
}

/**
 * The news of a batch: all that it had when it was taken, or nobody could make the same messages again. Undefined where all
 * of them lie in the outbox already; what another batch has told is left out.
 */
export async function readBatch(runs: KV, { id, keys }: KeptBatch): Promise<News[] | undefined> {
  const found = await inParallel(keys, async (key) => {
    // In this order: a piece that is gone was marked as told before.
    const { value = [] } = await readValue(runs, newsKeys.key(key), pieces)
    const { value: toldBy } = await readText(runs, toldKeys.key(key), batchId)
    return toldBy ? { toldBy, pieces: [] } : { pieces: value }
  })
  if (found.some(({ toldBy }) => toldBy === id)) return undefined
  return found.flatMap(({ pieces }) => pieces)
}

/** Remembers that all messages of the batch lie in the outbox: from the first mark on, nothing is put there again. */
export async function endBatch(runs: KV, { id, keys }: KeptBatch): Promise<void> {
  await inParallel(keys, async (key) => {
    await runs.put(toldKeys.key(key), id)
    await runs.delete(newsKeys.key(key))
  })
  const { value: found, revision } = await readValue(runs, batchKey, batch)
  if (found?.id === id) await attempt(() => runs.delete(batchKey, { previousSeq: revision }))
}
