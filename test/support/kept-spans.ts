/** The spans that this process ends, kept in memory. */
import type { Attributes, Link, SpanStatus } from '@opentelemetry/api'
import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { TracerProvider } from '@opentelemetry/sdk-trace'

export interface KeptSpan {
  readonly name: string
  readonly attributes: Attributes
  readonly status: SpanStatus
  readonly events: readonly unknown[]
  readonly links: readonly Link[]
}

/** Traces this process until it is disposed; one at a time. */
export function keepSpans(): { readonly spans: KeptSpan[] } & AsyncDisposable {
  const spans: KeptSpan[] = []
  const provider = new TracerProvider({
    spanProcessors: [
      {
        onStart() {},
        onEnd({ name, attributes, status, events, links }) {
          spans.push({ name, attributes, status, events, links })
        },
        async forceFlush() {},
        async shutdown() {},
      },
    ],
  })
  trace.setGlobalTracerProvider(provider)
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  return {
    spans,
    async [Symbol.asyncDispose]() {
      await provider.shutdown()
      for (const api of [trace, context, propagation]) api.disable()
    },
  }
}
