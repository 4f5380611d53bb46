/** Lets this process start an OpenTelemetry SDK once more: the API keeps the first one that makes itself known. */
import { context, logs, propagation, trace } from '@opentelemetry/api'

export function forgetSdk(): void {
  for (const api of [trace, context, propagation, logs]) api.disable()
}
