/** The notifier's section of the configuration. */
import { z } from 'zod'

export const notifierSection = z.strictObject({
  traceLink: z
    .string()
    .optional()
    .describe('URL of a trace in your tracing system; `{{.TraceID}}` stands for the trace id.'),
})
export type NotifierConfig = Readonly<z.output<typeof notifierSection>>
