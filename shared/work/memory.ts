/**
 * What a daemon remembers of a target beside its claim, so that it can undo there what the configuration no longer knows. It
 * lies on the bus, where others write too: only what bears the daemon's own mark is believed.
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { z } from '../contracts/zod.ts'

export const remembered = z.object({
  facts: z.string().describe('JSON.'),
  mark: z.string().describe('HMAC of the target’s key and the facts.'),
})
export type Remembered = z.infer<typeof remembered>

/** A key for these marks from a seed that nobody else has. */
export const memoryKey = (seed: Uint8Array): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', seed, '', 'managed-tokens memory', 32))

export function remember(key: Uint8Array, target: string, facts: unknown): Remembered {
  const text = JSON.stringify(facts)
  return { facts: text, mark: markOf(key, `${target}\n${text}`).toString('hex') }
}

/** The facts, where one of these keys has marked them for this target. */
export function recall<T>(
  keys: readonly Uint8Array[],
  target: string,
  kept: Remembered | undefined,
  schema: z.ZodType<T>,
): T | undefined {
  if (!kept) return undefined
  const mark = Buffer.from(kept.mark, 'hex')
  const isOurs = keys.some((key) => {
    const own = markOf(key, `${target}\n${kept.facts}`)
    return own.length === mark.length && timingSafeEqual(own, mark)
  })
  return isOurs ? schema.safeParse(JSON.parse(kept.facts)).data : undefined
}

/** The keyed fingerprint of what has this digest. */
export const fingerprint = (key: Uint8Array, digest: string): string => markOf(key, digest).toString('hex')

const markOf = (key: Uint8Array, text: string) => createHmac('sha256', key).update(text).digest()
