/** One pino logger per daemon: a line of JSON for each thing worth saying, with the trace, run and entry it belongs to. */
import { trace } from '@opentelemetry/api'
import pino, { type DestinationStream, type Logger } from 'pino'
import { controlsShownBut } from '../../contracts/one-sentence.ts'
import type { Daemon } from '../../contracts/subjects.ts'
import { currentWork } from './work-context.ts'

/** Keys that never hold anything worth reading in a log, and might hold a secret. */
const redacted = ['token', 'vaultToken', 'seed', 'password', 'slackUrl', '*.token', '*.seed', '*.slackUrl']

/** Writes to `output`, or to standard output at once. */
export function createLog(daemon: Daemon, output: DestinationStream = pino.destination(1)): Logger {
  return pino(
    {
      base: { daemon, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: redacted,
      formatters: { level: (label: string) => ({ level: label }) },
      serializers: { err: describeError },
      mixin: whereItBelongs,
      // JSON leaves alone what only some terminals obey.
      hooks: { streamWrite: controlsShownBut(/\n/) },
    },
    output,
  )
}

/** An error as facts, without `cause` or the output of a program that it might drag along. */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) }
  return { name: error.name, message: error.message, stack: error.stack?.split('\n').slice(1, 6) }
}

/** What the line itself says of them counts more. A child logger's bindings would stand beside these, with the same names. */
function whereItBelongs(): object {
  const span = trace.getActiveSpan()?.spanContext()
  return { ...currentWork(), ...(span ? { traceId: span.traceId, spanId: span.spanId } : {}) }
}
