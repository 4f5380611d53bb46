/** Turns the bytes of a message into what its schema promises, or says why that cannot be. */
import type { z } from '../contracts/zod.ts'

/** The body, or one sentence for the dead letters. Without a schema the subject is one that nobody should publish on. Pure. */
export function parseMessage<T>(
  schema: z.ZodType<T> | undefined,
  data: Uint8Array,
): { body: T } | { reason: string } {
  if (!schema) return { reason: 'no message of this subject is known' }
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data))
  } catch {
    return { reason: 'not JSON in UTF-8' }
  }
  const result = schema.safeParse(json)
  if (result.success) return { body: result.data }
  const issue = result.error.issues[0]
  return { reason: `${issue?.path.join('.') || 'message'}: ${issue?.message ?? 'invalid'}` }
}

/** The body alone; undefined where it cannot be read. Pure. */
export function readMessage<T>(schema: z.ZodType<T>, data: Uint8Array): T | undefined {
  const parsed = parseMessage(schema, data)
  return 'body' in parsed ? parsed.body : undefined
}
