/**
 * Traces by OTLP over HTTP where an address is configured, in the file (`tracing.url`) or by the standard `OTEL_…`
 * variables. The SDK is loaded only then, and an unreachable collector costs the spans alone.
 */
import { context, propagation, trace } from '@opentelemetry/api'
import { environment } from '../config/environment.ts'
import type { Site } from '../config/site.ts'
import type { Daemon } from '../subjects.ts'
import { urlOf } from './post.ts'

/** What of the configuration traces depend on. */
export type TracesConfig = Pick<Site, 'tracingUrl' | 'devEnvironmentLabel'> & {
  readonly telemetry: Pick<Site['telemetry'], 'traceRatio'>
}

const nothing: AsyncDisposable = { async [Symbol.asyncDispose]() {} }

/** Variables that give traces an address; the others that concern the connection say nothing without one. */
const addresses = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']

/**
 * Starts tracing for this process; `variables` are the names of the OpenTelemetry variables that are set. Disposing sends
 * what is left, within two seconds.
 */
export async function startTraces(
  daemon: Daemon | 'cli',
  site: TracesConfig,
  variables: readonly string[] = environment.otel,
): Promise<AsyncDisposable> {
  if (!site.tracingUrl && !addresses.some((name) => variables.includes(name))) return nothing
  const { openTracing } = await import('./tracing-sdk.ts')
  const tracing = await openTracing(daemon, site)
  if (!tracing) return nothing
  trace.setGlobalTracerProvider(tracing.provider)
  context.setGlobalContextManager(tracing.contextManager)
  propagation.setGlobalPropagator(tracing.propagator)
  return tracing
}

/** OTLP's path is added where the address has none, as the predecessor's `tracing.url` leaves it out. */
export const tracesUrl = (address: string): string => urlOf(address, '/v1/traces')
