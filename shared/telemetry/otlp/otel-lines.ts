/** The JSON that our logger wrote, as log records of OpenTelemetry: a record a line, in the trace that it was written in. */
import { type AnyValue, logs, SeverityNumber } from '@opentelemetry/api'
import type { LineSink } from '../logs/log-sinks.ts'

/** By pino's names. */
const severities: Readonly<Record<string, SeverityNumber>> = {
  ...{ trace: SeverityNumber.TRACE, debug: SeverityNumber.DEBUG, info: SeverityNumber.INFO },
  ...{ warn: SeverityNumber.WARN, error: SeverityNumber.ERROR, fatal: SeverityNumber.FATAL },
}

/** Lines are to be offered as they are written: what is active then is what they belong to. */
export function openLineSink(): LineSink {
  const logger = logs.getLogger('managed-tokens')
  return {
    offer({ at, line }) {
      const { level, time: _, msg, traceId: _t, spanId: _s, ...rest } = JSON.parse(line)
      logger.emit({
        timestamp: at,
        severityNumber: severities[level] ?? SeverityNumber.UNSPECIFIED,
        severityText: String(level),
        body: String(msg ?? ''),
        attributes: Object.fromEntries(Object.entries(rest).flatMap(plain)),
      })
    },
  }
}

/** What is no plain value is said as JSON. */
function plain([key, value]: [string, unknown]): [string, AnyValue][] {
  if (value === null || value === undefined) return []
  return [[key, typeof value === 'object' ? JSON.stringify(value) : (value as AnyValue)]]
}
