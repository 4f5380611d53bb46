/** The notifier's section of the configuration. */
import { z } from 'zod'
import { templateOver } from '../../shared/config/template-text.ts'

export const notifierSection = z.strictObject({
  traceLink: templateOver(['TraceID'], 'a URL with {{.TraceID}} for the trace')
    .optional()
    .describe('URL of a trace in your tracing system; `{{.TraceID}}` stands for the trace id.'),
})
export type NotifierConfig = Readonly<z.output<typeof notifierSection>>
