/** One pino logger per daemon: JSON lines on standard output or in `<directory>/<daemon>.log`, pretty on a terminal. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { trace } from '@opentelemetry/api'
import pino, { type Logger } from 'pino'
import type { Daemon } from '../subjects.ts'

/** Keys that never hold anything worth reading in a log, and might hold a secret. */
const redacted = ['token', 'vaultToken', 'seed', 'password', 'slackUrl', '*.token', '*.seed', '*.slackUrl']

/** Every line carries the daemon, and the trace it belongs to when there is one. */
export function createLog(
  daemon: Daemon,
  options: { directory?: string | undefined; pretty?: boolean },
): Logger {
  const settings = {
    base: { daemon, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: redacted,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeError },
    mixin: currentTrace,
  }
  if (options.pretty) return pino({ ...settings, transport: { target: 'pino-pretty' } })
  if (!options.directory) return pino(settings)
  mkdirSync(options.directory, { recursive: true })
  return pino(
    settings,
    pino.destination({ dest: join(options.directory, `${daemon}.log`), sync: false, minLength: 0 }),
  )
}

/** An error as facts, without `cause` or the output of a program that it might drag along. */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) }
  return { name: error.name, message: error.message, stack: error.stack?.split('\n').slice(1, 6) }
}

function currentTrace(): object {
  const span = trace.getActiveSpan()?.spanContext()
  return span ? { traceId: span.traceId, spanId: span.spanId } : {}
}
