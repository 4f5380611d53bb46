/** The spans that this process ends, kept in memory. */
import type { Attributes, SpanStatus } from '@opentelemetry/api'
import { context, propagation, trace } from '@opentelemetry/api'
import { NodeSDK } from '@opentelemetry/sdk-node'

export interface KeptSpan {
  readonly name: string
  readonly attributes: Attributes
  readonly status: SpanStatus
  readonly events: readonly unknown[]
}

/** Traces this process until it is disposed; one at a time. */
export function keepSpans(): { readonly spans: KeptSpan[] } & AsyncDisposable {
  const spans: KeptSpan[] = []
  const sdk = new NodeSDK({
    autoDetectResources: false,
    instrumentations: [],
    logRecordProcessors: [],
    metricReaders: [],
    spanProcessors: [
      {
        onStart() {},
        onEnd({ name, attributes, status, events }) {
          spans.push({ name, attributes, status, events })
        },
        async forceFlush() {},
        async shutdown() {},
      },
    ],
  })
  sdk.start()
  return {
    spans,
    async [Symbol.asyncDispose]() {
      await sdk.shutdown()
      for (const api of [trace, context, propagation]) api.disable()
    },
  }
}
