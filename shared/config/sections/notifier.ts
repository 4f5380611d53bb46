/** The notifier's section of the configuration. */

import { z } from '../../contracts/zod.ts'
import { filePath, hostName, isWebUrl, label } from '../schema/grammar.ts'
import { templateOver } from '../schema/template-text.ts'

const traceLink = templateOver(['TraceID'], 'a URL with {{.TraceID}} for the trace')

const isContact = (text: string) => isWebUrl(text) || /^mailto:[^\s\p{Cc}]+@[^\s\p{Cc}]+$/u.test(text)

/** The page for people without a login to the bus. */
const statusPage = z.strictObject({
  port: z.int().min(0).max(65535).describe('Its port; 0 takes a free one.'),
  host: hostName
    .default('127.0.0.1')
    .describe('Address it listens on: who may read it is decided by the reverse proxy before it.'),
  title: label.default('Grid tokens').describe('What stands above every page.'),
  basePath: z
    .string()
    .overwrite((path) => path.replace(/\/$/, ''))
    .refine((path) => /^(?:\/[A-Za-z0-9][A-Za-z0-9._~-]*)*$/.test(path), 'expected a path such as /tokens')
    .default('')
    .describe('Path under which a reverse proxy shows it, such as `/tokens`; it is passed on unchanged.'),
  links: z
    .strictObject({
      trace: traceLink.optional().describe('URL of a run’s trace. Default: `notifier.traceLink`.'),
      help: z
        .string()
        .refine(isContact, 'expected a URL (http, https) or mailto:user@host')
        .optional()
        .describe('Where people get help: a web page or `mailto:`.'),
    })
    .prefault({})
    .describe('Where pages lead to elsewhere.'),
})

export const notifierSection = z.strictObject({
  traceLink: traceLink
    .optional()
    .describe('URL of a trace in your tracing system; `{{.TraceID}}` stands for the trace id.'),
  templates: filePath
    .optional()
    .describe(
      'Directory with templates of your own for what people are told. Default: those that come with it.',
    ),
  statusPage: statusPage.optional().describe('The status page; absent: none is served.'),
})
export type NotifierConfig = Readonly<z.output<typeof notifierSection>>
