/** The OpenTelemetry SDK as the daemons use it: loaded only where traces are configured. */
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  ExportResultCode,
  getBooleanFromEnv,
  getNumberFromEnv,
  getStringFromEnv,
  W3CTraceContextPropagator,
} from '@opentelemetry/core'
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  type SpanExporter,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { Daemon } from '../subjects.ts'
import { wayTo } from '../web-agents.ts'
import { openBatcher } from './batcher.ts'
import { openDropCount } from './dropped.ts'
import { urlOf } from './post.ts'
import { resourceOf } from './resource.ts'
import { type TracesConfig, tracesUrl } from './traces.ts'

/** What one span takes of the buffer (bytes, roughly), and the buffer in all. */
const spanBytes = 1_024
const maxBytes = 8 * 1024 * 1024

/** Undefined where the environment switches traces off. */
export async function openTracing(daemon: Daemon | 'cli', site: TracesConfig) {
  if (getBooleanFromEnv('OTEL_SDK_DISABLED') || getStringFromEnv('OTEL_TRACES_EXPORTER') === 'none')
    return undefined
  const exporter = await openExporter(site.tracingUrl)
  const processor = batchOf(exporter)
  const provider = new TracerProvider({
    resource: resourceOf(daemon, site),
    sampler: samplerOf(site.telemetry.traceRatio),
    spanProcessors: [processor],
  })
  const contextManager = new AsyncLocalStorageContextManager().enable()
  return {
    ...{ provider, contextManager, propagator: new W3CTraceContextPropagator() },
    async [Symbol.asyncDispose]() {
      await processor.shutdown()
    },
  }
}

/** `tracing.url` wins, and is spoken to in JSON. Of the variables, the exporters read all that concern the connection. */
async function openExporter(url: string | undefined): Promise<SpanExporter> {
  // One attempt of the exporter's own ends before ours does.
  const options = { timeoutMillis: 5_000, ...(url ? { url: tracesUrl(url) } : {}), ...wayOf(url) }
  if (url || protocol() === 'http/json') return new JsonExporter(options)
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto')
  return new OTLPTraceExporter(options)
}

/** Who sets one of these wants the exporter's own way of trusting. */
const ownTrust = ['CERTIFICATE', 'CLIENT_CERTIFICATE', 'CLIENT_KEY'].flatMap((what) => [
  `OTEL_EXPORTER_OTLP_${what}`,
  `OTEL_EXPORTER_OTLP_TRACES_${what}`,
])

/** Trust and proxy as all our questions have them. */
function wayOf(url: string | undefined) {
  const endpoint =
    url ??
    getStringFromEnv('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ??
    getStringFromEnv('OTEL_EXPORTER_OTLP_ENDPOINT')
  if (!endpoint || ownTrust.some((name) => getStringFromEnv(name))) return {}
  return { httpAgentOptions: async () => (await wayTo(new URL(urlOf(endpoint, '/')))).agent }
}

const protocol = () =>
  getStringFromEnv('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? getStringFromEnv('OTEL_EXPORTER_OTLP_PROTOCOL')

/** OTEL_TRACES_SAMPLER where it is set, else the configured share of runs; a run is traced by all daemons or by none. */
export function samplerOf(traceRatio: number): Sampler {
  const ratio = new TraceIdRatioBasedSampler(getNumberFromEnv('OTEL_TRACES_SAMPLER_ARG') ?? 1)
  switch (getStringFromEnv('OTEL_TRACES_SAMPLER')) {
    case 'always_on':
      return new AlwaysOnSampler()
    case 'always_off':
      return new AlwaysOffSampler()
    case 'traceidratio':
      return ratio
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() })
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() })
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: ratio })
    default:
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(traceRatio) })
  }
}

/** The SDK's own batches drop without counting; these are bounded and counted like everything else that leaves us. */
export function batchOf(exporter: SpanExporter): SpanProcessor {
  const batcher = openBatcher<ReadableSpan>({
    sizeOf: () => spanBytes,
    maxBytes,
    batchBytes: maxBytes,
    batchItems: 512,
    lingerMs: 1_000,
    timeoutMs: 10_000,
    send: (spans, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve('refused'), { once: true })
        // The exporter has tried again by itself where that was worth it.
        exporter.export([...spans], ({ code }) =>
          resolve(code === ExportResultCode.SUCCESS ? 'taken' : 'refused'),
        )
      }),
    onDropped: openDropCount('traces', 'otlp'),
  })
  return {
    onStart() {},
    onEnd: (span) => batcher.offer(span),
    async forceFlush() {},
    async shutdown() {
      await batcher[Symbol.asyncDispose]()
    },
  }
}
