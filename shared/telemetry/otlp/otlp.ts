/**
 * Traces and log lines by OTLP over HTTP, each where an address is configured. The SDK is loaded only then, and an unreachable
 * collector costs the spans and lines alone.
 */
import { type Environment, environment } from '../../config/environment.ts'
import type { Daemon } from '../../contracts/subjects.ts'
import { logsAddress, type Otlp, type OtlpConfig, tracesAddress } from './otlp-addresses.ts'

/** Starts it for this process. Disposing sends what is left, within two seconds. */
export async function startOtlp(
  daemon: Daemon,
  site: OtlpConfig,
  variables: Environment['otel'] = environment.otel,
): Promise<Otlp> {
  const addresses = { traces: tracesAddress(site.tracingUrl, variables), logs: logsAddress(variables) }
  if (!addresses.traces && !addresses.logs) return { sinks: [], async [Symbol.asyncDispose]() {} }
  const { startSdk } = await import('./otel-sdk.ts')
  return startSdk(daemon, addresses, site, variables)
}
