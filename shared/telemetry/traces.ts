/** Traces by OTLP/HTTP where an address is configured; the SDK is loaded only then, and an unreachable collector costs the spans alone. */
import { environment } from '../config/environment.ts'
import type { Site } from '../config/site.ts'
import type { Daemon } from '../subjects.ts'

/** Starts tracing for this process. Disposing sends what is left, within two seconds. */
export async function startTelemetry(
  daemon: Daemon | 'cli',
  site: Pick<Site, 'tracingUrl' | 'devEnvironmentLabel'>,
): Promise<AsyncDisposable> {
  if (!site.tracingUrl && environment.otel.length === 0) return { async [Symbol.asyncDispose]() {} }
  const { NodeSDK } = await import('@opentelemetry/sdk-node')
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http')
  const sdk = new NodeSDK({
    serviceName: `managed-tokens-${daemon}`,
    autoDetectResources: false,
    instrumentations: [],
    logRecordProcessors: [],
    traceExporter: new OTLPTraceExporter(
      site.tracingUrl ? { url: tracesUrl(site.tracingUrl), timeoutMillis: 2_000 } : {},
    ),
  })
  sdk.start()
  return {
    async [Symbol.asyncDispose]() {
      await Promise.race([
        sdk.shutdown().catch(() => undefined),
        new Promise((end) => setTimeout(end, 2_000).unref()),
      ])
    },
  }
}

/** OTLP's path is added where the address has none, as the predecessor's `tracing.url` leaves it out. */
export function tracesUrl(address: string): string {
  const url = new URL(address)
  if (url.pathname === '/' || url.pathname === '') url.pathname = '/v1/traces'
  return url.href
}
