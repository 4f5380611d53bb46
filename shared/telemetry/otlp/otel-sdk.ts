/** OpenTelemetry's SDK for Node as the daemons use it: loaded only where traces or lines go by OTLP. */
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http'
import { OTLPTraceExporter as JsonTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import {
  defaultResource,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources'
import { BatchLogRecordProcessor, type LogRecordProcessor } from '@opentelemetry/sdk-logs'
import { NodeSDK } from '@opentelemetry/sdk-node'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace'
import type { Environment } from '../../config/environment.ts'
import type { Daemon } from '../../contracts/subjects.ts'
import { wayTo } from '../../https/agents.ts'
import { type Ledger, openLedger } from './otel-ledger.ts'
import { openLineSink } from './otel-lines.ts'
import type { Otlp, OtlpAddresses, OtlpConfig } from './otlp-addresses.ts'
import { ownAttributes } from './resource.ts'

/** Spans or lines that wait at most; and how long the first of a batch waits for others (milliseconds). */
const queue = { maxQueueSize: 8_192, scheduledDelayMillis: 1_000 }
/** For one batch, the exporter's own further tries included (milliseconds). */
const patience = { traces: 5_000, logs: 10_000 }
/** How long the end may take: with a collector that is away, the SDK's own takes as long as all its tries (milliseconds). */
const lastChanceMs = 2_000

/** Starts the SDK, which makes itself known to the API. */
export function startSdk(
  daemon: Daemon,
  { traces, logs }: OtlpAddresses,
  site: OtlpConfig,
  variables: Environment['otel'],
): Otlp {
  const ledgers = { traces: traces && openLedger('traces'), logs: logs && openLedger('logs') }
  const isJson = site.tracingUrl !== undefined || protocolOf(variables) === 'http/json'
  const spanProcessors = traces && ledgers.traces ? spansTo(traces, isJson, ledgers.traces, variables) : []
  const logRecordProcessors = logs && ledgers.logs ? linesTo(logs, ledgers.logs, variables) : []
  const sdk = new NodeSDK({
    resource: defaultResource().merge(resourceFromAttributes(ownAttributes(daemon, site))),
    resourceDetectors: [resourceAttributesEnvDetector, serviceNameEnvDetector],
    // OTEL_TRACES_SAMPLER is read by the SDK where we name none.
    ...(variables.OTEL_TRACES_SAMPLER ? {} : { sampler: samplerOf(site.telemetry.traceRatio) }),
    ...{ spanProcessors, logRecordProcessors, metricReaders: [] },
  })
  sdk.start()
  return {
    sinks: logs ? [openLineSink()] : [],
    async [Symbol.asyncDispose]() {
      const { promise: tooLong, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, lastChanceMs)
      // Each by itself: the SDK's own end is over with the first that fails.
      const ends = [...spanProcessors, ...logRecordProcessors].map((one) => one.shutdown())
      await Promise.race([Promise.allSettled([...ends, sdk.shutdown()]), tooLong])
      clearTimeout(timer)
      for (const ledger of Object.values(ledgers)) if (ledger) ledger.close()
    },
  }
}

function spansTo(
  url: string,
  isJson: boolean,
  { add, ended }: Ledger,
  variables: Environment['otel'],
): SpanProcessor[] {
  const options = { url, timeoutMillis: patience.traces, ...wayOf(url, 'TRACES', variables) }
  const exporter = isJson ? new JsonTraceExporter(options) : new OTLPTraceExporter(options)
  const batches = { ...queue, exportTimeoutMillis: 2 * patience.traces, selfObsMeterProvider: ended }
  return [{ ...inert, onStart() {}, onEnd: add }, new BatchSpanProcessor({ exporter, ...batches })]
}

function linesTo(url: string, { add, ended }: Ledger, variables: Environment['otel']): LogRecordProcessor[] {
  const exporter = new OTLPLogExporter({
    ...{ url, timeoutMillis: patience.logs },
    ...wayOf(url, 'LOGS', variables),
  })
  const batches = { ...queue, exportTimeoutMillis: 2 * patience.logs, selfObsMeterProvider: ended }
  return [
    { ...inert, onEmit: add },
    new BatchLogRecordProcessor({ exporter, ...batches, maxExportBatchSize: 2_000 }),
  ]
}

const inert = { async forceFlush() {}, async shutdown() {} }

const protocolOf = (variables: Environment['otel']) =>
  variables.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? variables.OTEL_EXPORTER_OTLP_PROTOCOL

/** Trust and proxy as all our questions have them; who sets one of the variables wants the exporter's own way of trusting. */
function wayOf(url: string, signal: 'TRACES' | 'LOGS', variables: Environment['otel']) {
  const ownTrust = ['CERTIFICATE', 'CLIENT_CERTIFICATE', 'CLIENT_KEY'].flatMap((what) => [
    `OTEL_EXPORTER_OTLP_${what}`,
    `OTEL_EXPORTER_OTLP_${signal}_${what}`,
  ])
  if (ownTrust.some((name) => variables[name])) return {}
  return { httpAgentOptions: async () => (await wayTo(new URL(url))).agent }
}

/** This share of runs is traced, each by all daemons or by none. */
export const samplerOf = (traceRatio: number): Sampler =>
  new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(traceRatio) })
