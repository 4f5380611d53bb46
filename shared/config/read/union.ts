/** A key that takes a word or a map: the form that the file's author meant. */
import type { z } from '../../contracts/zod.ts'

/** Of a union, the form that is a map; any other schema, or a union without one, is itself. Pure. */
export function mapForm(schema: z.core.$ZodType): z.core.$ZodType {
  const { options } = schema._zod.def as { options?: readonly z.core.$ZodType[] }
  return options?.find((option) => 'shape' in option._zod.def) ?? schema
}

/** A union's refusal as those of the form whose inside is wrong, with their whole paths; any other as it is. Pure. */
export function innerIssues(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const meant = issue.errors.find(
    (issues) => !issues.some(({ path, code }) => path.length === 0 && isKind(code)),
  )
  if (!meant) return [issue]
  return meant.flatMap((one) => innerIssues({ ...one, path: [...issue.path, ...one.path] }))
}

const isKind = (code: string) => code === 'invalid_type' || code === 'invalid_value'
