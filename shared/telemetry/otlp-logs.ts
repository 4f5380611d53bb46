/** Log lines by OTLP, where the standard variables ask for it: the JSON that our logger wrote, as records of the protocol. */
import { getStringFromEnv, parseKeyPairsIntoRecord } from '@opentelemetry/core'
import type { Site } from '../config/site.ts'
import type { Daemon } from '../subjects.ts'
import { type Batcher, openBatcher } from './batcher.ts'
import { openDropCount } from './dropped.ts'
import { type LogLine, lineLimits } from './loki.ts'
import { post, urlOf } from './post.ts'
import { resourceOf } from './resource.ts'

type Value = { stringValue: string } | { intValue: string } | { doubleValue: number } | { boolValue: boolean }
type Attribute = { readonly key: string; readonly value: Value }

/** Where lines go: undefined without an address, or where OTEL_LOGS_EXPORTER or OTEL_SDK_DISABLED switches them off. */
export function otlpLogsUrl(read: (name: string) => string | undefined): string | undefined {
  if (read('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return undefined
  if (!['otlp', undefined].includes(read('OTEL_LOGS_EXPORTER'))) return undefined
  const own = read('OTEL_EXPORTER_OTLP_LOGS_ENDPOINT')
  if (own) return own
  const common = read('OTEL_EXPORTER_OTLP_ENDPOINT')
  return common && `${urlOf(common, '/').replace(/\/+$/, '')}/v1/logs`
}

/** Opens the way to the collector; undefined where none is configured. */
export function openOtlpLogs(
  daemon: Daemon,
  site: Pick<Site, 'devEnvironmentLabel'>,
  read: (name: string) => string | undefined = getStringFromEnv,
): Batcher<LogLine> | undefined {
  const url = otlpLogsUrl(read)
  if (!url) return undefined
  const headers = parseKeyPairsIntoRecord(
    read('OTEL_EXPORTER_OTLP_LOGS_HEADERS') ?? read('OTEL_EXPORTER_OTLP_HEADERS'),
  )
  const resource = attributesOf({ ...resourceOf(daemon, site).attributes })
  return openBatcher<LogLine>({
    ...lineLimits,
    sizeOf: ({ line }) => line.length,
    timeoutMs: 10_000,
    send: (lines, signal) =>
      post(url, { contentType: 'application/json', content: otlpBody(resource, lines), headers }, signal),
    onDropped: openDropCount('logs', 'otlp'),
  })
}

/** The protocol's severities, by pino's names. */
const severities: Readonly<Record<string, number>> = {
  ...{ trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 },
}

/** An `ExportLogsServiceRequest` in JSON. Pure. */
export function otlpBody(resource: readonly Attribute[], lines: readonly LogLine[]): string {
  const logRecords = lines.map(recordOf)
  return JSON.stringify({
    resourceLogs: [
      {
        resource: { attributes: resource },
        scopeLogs: [{ scope: { name: 'managed-tokens' }, logRecords }],
      },
    ],
  })
}

function recordOf({ at, line }: LogLine) {
  const { level, time: _, msg, traceId, spanId, ...rest } = JSON.parse(line) as Record<string, unknown>
  return {
    timeUnixNano: `${at}000000`,
    severityNumber: severities[String(level)] ?? 0,
    severityText: String(level),
    body: { stringValue: String(msg ?? '') },
    attributes: attributesOf(rest),
    ...(traceId ? { traceId, spanId } : {}),
  }
}

function attributesOf(fields: Readonly<Record<string, unknown>>): Attribute[] {
  return Object.entries(fields).flatMap(([key, value]) =>
    value === undefined || value === null ? [] : [{ key, value: valueFor(value) }],
  )
}

function valueFor(value: unknown): Value {
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number')
    return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value }
  return { stringValue: typeof value === 'string' ? value : JSON.stringify(value) }
}
