/** Reads the body of a request by its schema; what is wrong is said by place. */

import type { z } from '../../contracts/zod.ts'
import { RequestError } from './serve-requests.ts'

/** More of them help nobody. */
const toldIssues = 10

/** The body, nothing at all counting as `{}`. Throws RequestError `bad-request`. Pure. */
export function parseRequest<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const parsed = schema.safeParse(body ?? {})
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues
    .slice(0, toldIssues)
    .map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`)
  throw new RequestError('bad-request', issues.join('; '))
}
