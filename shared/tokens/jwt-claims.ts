/** What a bearer token says of itself. */
import { z } from '../contracts/zod.ts'

/** Seconds since the epoch, as far as there are dates. */
export const claimedTime = z.number().min(0).max(8_640_000_000_000)

/** The claims that `schema` names; undefined where they cannot be read. No signature is checked. Pure. */
export function readClaims<T>(token: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.parse(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')))
  } catch {
    return undefined
  }
}
