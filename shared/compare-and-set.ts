/** Compare-and-set on the bus: telling a lost race from a real error, and changing a value that others change too. */
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import type { z } from './zod.ts'

/** True when a write expected another last sequence than the server has. */
export function isWrongLastSequence(error: unknown): boolean {
  return (
    error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.StreamWrongLastSequence ||
      error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)
  )
}

/** Tries a conditional write: the new revision, or undefined when somebody else was faster. */
export async function attempt<T>(write: () => Promise<T>): Promise<T | undefined> {
  try {
    return await write()
  } catch (error) {
    if (isWrongLastSequence(error)) return undefined
    throw error
  }
}

/**
 * Changes the JSON value of `key`, and returns what is there then. `change` gets what is there (undefined: nothing) and may
 * be asked several times, while others are faster; what it answers unchanged is left as it is.
 */
export async function changeValue<T>(
  kv: KV,
  key: string,
  schema: z.ZodType<T>,
  change: (before: T | undefined) => T | undefined | Promise<T | undefined>,
): Promise<T | undefined> {
  for (;;) {
    const found = await kv.get(key)
    const isThere = found?.operation === 'PUT'
    const before = isThere ? schema.parse(found.json()) : undefined
    const next = await change(before)
    if (next === before) return next
    const value = JSON.stringify(next)
    const write = () => (isThere ? kv.update(key, value, found.revision) : kv.create(key, value))
    if ((await attempt(write)) !== undefined) return next
  }
}
