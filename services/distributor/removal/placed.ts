/**
 * What was put on a node for an entry, remembered with the target: how to get there, and of each path the fingerprints of what
 * was put there last. Marked and keyed by the distributor's seed, which its replicas share. Pure.
 */
import { createHash } from 'node:crypto'
import type { Entry } from '../../../shared/config/site.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { fingerprint, memoryKey, type Remembered, recall, remember } from '../../../shared/work/memory.ts'
import { entryFacts, factsOf } from '../../../shared/work/remembered-entry.ts'
import type { PlacedFile } from '../transport/push.ts'

export const placed = z.object({
  node: z.string(),
  uid: z.int(),
  entry: entryFacts,
  files: z.array(z.object({ path: z.string(), prints: z.array(z.string()) })),
})
export type Placed = z.infer<typeof placed>

/** So many of each path: a push that was cut short leaves the one before. */
const mostPrints = 4

export interface PlacedMemory {
  read(target: string, kept: Remembered | undefined): Placed | undefined
  /** With these files put there now; `before` unchanged where it has them all. */
  write(target: string, before: Remembered | undefined, push: PlacedNow): Remembered
  readonly matches: (digest: string, prints: readonly string[]) => boolean
}

export interface PlacedNow {
  readonly entry: Entry
  readonly node: string
  readonly uid: number
  readonly files: readonly Pick<PlacedFile, 'path' | 'content' | 'newline'>[]
}

/** The first seed is the one in use, the others are being changed for it. */
export function openPlacedMemory(seeds: readonly Uint8Array[]): PlacedMemory {
  const keys = seeds.map(memoryKey)
  const [key = new Uint8Array()] = keys
  const read: PlacedMemory['read'] = (target, kept) => recall(keys, target, kept, placed)
  return {
    read,
    write(target, kept, { entry, node, uid, files }) {
      const before = read(target, kept)
      const next: Placed = {
        ...{ node, uid, entry: factsOf(entry) },
        files: withFiles(
          before?.files ?? [],
          files.map((file) => ({ path: file.path, print: fingerprint(key, digestOf(file)) })),
        ),
      }
      return kept && JSON.stringify(before) === JSON.stringify(next) ? kept : remember(key, target, next)
    },
    matches: (digest, prints) => keys.some((one) => prints.includes(fingerprint(one, digest))),
  }
}

/** As the node has the file. */
const digestOf = ({ content, newline }: Pick<PlacedFile, 'content' | 'newline'>) =>
  createHash('sha256')
    .update(newline === false ? content : `${content}\n`)
    .digest('hex')

function withFiles(
  before: Placed['files'],
  now: readonly { readonly path: string; readonly print: string }[],
): Placed['files'] {
  const files = new Map(before.map(({ path, prints }) => [path, prints]))
  for (const { path, print } of now) {
    const prints = (files.get(path) ?? []).filter((one) => one !== print)
    files.set(path, [print, ...prints].slice(0, mostPrints))
  }
  return [...files].map(([path, prints]) => ({ path, prints }))
}
