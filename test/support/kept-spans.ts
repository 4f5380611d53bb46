/** The spans that this process ends, kept in memory. */
import type { Attributes, Link, SpanStatus } from '@opentelemetry/api'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { forgetSdk } from './forget-sdk.ts'

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
  const sdk = new NodeSDK({
    autoDetectResources: false,
    ...{ logRecordProcessors: [], metricReaders: [] },
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
  sdk.start()
  return {
    spans,
    async [Symbol.asyncDispose]() {
      await sdk.shutdown()
      forgetSdk()
    },
  }
}
