/**
 * Reads values of buckets. They were written by others: what cannot be read is as good as absent, so that the next write takes
 * its place, and whoever listens (`tell-unreadable.ts`) hears of it.
 */
import { channel } from 'node:diagnostics_channel'
import type { KV, KvEntry } from '@nats-io/kv'
import type { z } from '../contracts/zod.ts'

/** What lies under a key, and what a conditional write has to expect there (0: nothing, or it was deleted). */
export interface Found<T> {
  readonly value: T | undefined
  readonly revision: number
}

/** A value that could not be read. */
export interface Unreadable {
  readonly bucket: string
  readonly key: string
  readonly revision: number
  /** One clause, without anything of the value. */
  readonly reason: string
}

/** Every value that could not be read, as {@link Unreadable}. */
export const unreadableValues = channel('managed-tokens.unreadable-value')

/** Whether anything can be asked under this name: on the bus itself a key may be any subject. */
export const isKey = (name: string): boolean => /^[-/=\w](?:[-/=.\w]*[-/=\w])?$/.test(name)

type Kept = Pick<KvEntry, 'operation' | 'string' | 'bucket' | 'key' | 'revision'>

/** The JSON value of `key`. */
export async function readValue<T>(kv: KV, key: string, schema: z.ZodType<T>): Promise<Found<T>> {
  return foundIn(await kv.get(key), schema)
}

/** The same of what was read already. */
export const foundIn = <T>(entry: Kept | null | undefined, schema: z.ZodType<T>): Found<T> => ({
  value: entry ? valueIn(entry, schema) : undefined,
  revision: revisionOf(entry),
})

/** The same of a value that is a text and no JSON. */
export async function readText<T extends string>(
  kv: KV,
  key: string,
  schema: z.ZodType<T>,
): Promise<Found<T>> {
  const entry = await kv.get(key)
  return { value: entry ? textIn(entry, schema) : undefined, revision: revisionOf(entry) }
}

const revisionOf = (entry: Kept | null | undefined) => (entry?.operation === 'PUT' ? entry.revision : 0)

/** The value of an entry as JSON; undefined where it was deleted or cannot be read. */
export function valueIn<T>(entry: Kept, schema: z.ZodType<T>): T | undefined {
  if (entry.operation !== 'PUT') return undefined
  let json: unknown
  try {
    json = JSON.parse(entry.string())
  } catch {
    return unreadable(entry, 'not JSON')
  }
  return checked(entry, schema, json)
}

function textIn<T extends string>(entry: Kept, schema: z.ZodType<T>): T | undefined {
  return entry.operation === 'PUT' ? checked(entry, schema, entry.string()) : undefined
}

function checked<T>(entry: Kept, schema: z.ZodType<T>, value: unknown): T | undefined {
  const { success, data, error } = schema.safeParse(value)
  if (success) return data
  const issue = error.issues[0]
  return unreadable(entry, `${issue?.path.join('.') || 'value'}: ${issue?.message ?? 'invalid'}`)
}

function unreadable({ bucket, key, revision }: Kept, reason: string): undefined {
  unreadableValues.publish({ bucket, key, revision, reason } satisfies Unreadable)
}
