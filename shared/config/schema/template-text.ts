/** A text of the file that may hold `{{.Field}}`: unknown fields are refused where they stand. */
import { z } from '../../contracts/zod.ts'
import { templateFieldNames, templateProblems } from '../resolve/template.ts'

/** A template over these fields, unrendered. */
export const templateOver = (fields: readonly string[], expected: string) =>
  z
    .string()
    .meta({ expected })
    .refine((text) => text !== '' && !/\p{Cc}/u.test(text), `expected ${expected}, on one line`)
    .superRefine((text, context) => {
      for (const message of templateProblems(text, fields)) context.addIssue({ code: 'custom', message })
    })

/** A template over an entry's fields. What it renders to is checked once the entry is known. */
export const templateText = templateOver(templateFieldNames, 'text with fields such as {{.Account}}')
