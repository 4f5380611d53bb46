/** The notifier's section of the configuration. */
import { filePath } from '../../shared/config/grammar.ts'
import { templateOver } from '../../shared/config/template-text.ts'
import { z } from '../../shared/contracts/zod.ts'

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
