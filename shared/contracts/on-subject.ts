/** A message counts only where its subject says: who may publish on one subject must not speak for another. */
import type { z } from './zod.ts'

/** `schema` for what comes on `subject`: refuses a body that belongs on another one. */
export const onSubject = <T>(
  subject: string,
  schema: z.ZodType<T>,
  subjectOf: (body: T) => string,
): z.ZodType<T> =>
  schema.refine((body) => subjectOf(body) === subject, 'the body is about something else than the subject')
