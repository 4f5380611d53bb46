/** Where traces and lines go by OTLP: as the file says (`tracing.url`), or the standard `OTEL_…` variables. Pure. */
import type { Environment } from '../../config/environment.ts'
import type { Site } from '../../config/site.ts'
import { urlOf } from '../exporters/post.ts'
import type { LineSink } from '../logs/log-sinks.ts'

/** What of the configuration it depends on. */
export type OtlpConfig = Pick<Site, 'tracingUrl' | 'devEnvironmentLabel'> & {
  readonly telemetry: Pick<Site['telemetry'], 'traceRatio'>
}

export interface Otlp extends AsyncDisposable {
  /** Where lines are offered; empty where none go by OTLP. */
  readonly sinks: readonly LineSink[]
}

/** Where to, by what leaves us; undefined where nothing of it does. */
export interface OtlpAddresses {
  readonly traces?: string | undefined
  readonly logs?: string | undefined
}

/** `tracing.url` wins. */
export function tracesAddress(
  tracingUrl: string | undefined,
  variables: Environment['otel'],
): string | undefined {
  if (isOff(variables) || variables.OTEL_TRACES_EXPORTER === 'none') return undefined
  return tracingUrl ? tracesUrl(tracingUrl) : addressIn(variables, 'traces')
}

export function logsAddress(variables: Environment['otel']): string | undefined {
  const { OTEL_LOGS_EXPORTER: exporter = 'otlp' } = variables
  return isOff(variables) || exporter !== 'otlp' ? undefined : addressIn(variables, 'logs')
}

const isOff = ({ OTEL_SDK_DISABLED = '' }: Environment['otel']) => OTEL_SDK_DISABLED.toLowerCase() === 'true'

function addressIn(variables: Environment['otel'], signal: 'traces' | 'logs'): string | undefined {
  const common = variables.OTEL_EXPORTER_OTLP_ENDPOINT
  return (
    variables[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`] ??
    (common && `${urlOf(common, '/').replace(/\/+$/, '')}/v1/${signal}`)
  )
}

/** OTLP's path is added where the address has none, as the predecessor's `tracing.url` leaves it out. */
export const tracesUrl = (address: string): string => urlOf(address, '/v1/traces')
