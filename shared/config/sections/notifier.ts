/** The notifier's section of the configuration. */

import { z } from '../../contracts/zod.ts'
import { filePath } from '../schema/grammar.ts'
import { templateOver } from '../schema/template-text.ts'

export const notifierSection = z.strictObject({
  traceLink: templateOver(['TraceID'], 'a URL with {{.TraceID}} for the trace')
    .optional()
    .describe('URL of a trace in your tracing system; `{{.TraceID}}` stands for the trace id.'),
  templates: filePath
    .optional()
    .describe(
      'Directory with templates of your own for what people are told. Default: those that come with it.',
    ),
})
export type NotifierConfig = Readonly<z.output<typeof notifierSection>>
