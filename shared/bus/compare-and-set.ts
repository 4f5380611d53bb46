/** Compare-and-set on the bus: telling a lost race from a real error, and changing a value that others change too. */
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import type { z } from '../contracts/zod.ts'
import { type Found, readValue } from './read-value.ts'

/** True when a write expected another last sequence than the server has. */
function isWrongLastSequence(error: unknown): boolean {
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

/** Writes where the key still has that revision (0: where nothing lies): the new one, or undefined when somebody else was faster. */
export const writeAt = (kv: KV, key: string, text: string, revision: number): Promise<number | undefined> =>
  attempt(() => (revision === 0 ? kv.create(key, text) : kv.update(key, text, revision)))

/**
 * Changes the JSON value of `key`, and returns what is there then. `change` gets what is there (undefined: nothing that can be
 * read) and may be asked several times, while others are faster; what it answers unchanged is left as it is. Who knows what
 * is there says so by `known`, and saves a look.
 */
export async function changeValue<T>(
  kv: KV,
  key: string,
  schema: z.ZodType<T>,
  change: (before: T | undefined) => T | undefined | Promise<T | undefined>,
  known?: Found<T>,
): Promise<T | undefined> {
  for (let found = known; ; found = undefined) {
    const { value: before, revision } = found ?? (await readValue(kv, key, schema))
    const next = await change(before)
    if (next === before) return next
    if ((await writeAt(kv, key, JSON.stringify(next), revision)) !== undefined) return next
  }
}
