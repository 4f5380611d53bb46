/** What a far end was not given, counted: the SDK drops without a word, and tells how its items end only by its own metrics. */
import { type Attributes, createNoopMeter, type Meter, type MeterProvider } from '@opentelemetry/api'
import { openDropCount } from '../exporters/dropped.ts'

export interface Ledger {
  /** One item more is held. */
  readonly add: () => void
  /** For the processor of these items: from its own counter of them, those that ended with an error are dropped ones. */
  readonly ended: MeterProvider
  /** What is still held is dropped. */
  readonly close: () => void
}

export function openLedger(signal: 'traces' | 'logs'): Ledger {
  const countDropped = openDropCount(signal, 'otlp')
  let isOpen = true
  let held = 0

  function end(items: number, attributes?: Attributes): void {
    held -= items
    if (isOpen && attributes?.['error.type'] !== undefined) countDropped(items)
  }

  // The processors have one counter, of the items that came to an end (`otel.sdk.processor.<item>.processed`).
  const meter: Meter = Object.assign(Object.create(createNoopMeter()), {
    createCounter: () => ({ add: end }),
  })
  return {
    add: () => {
      held += 1
    },
    ended: { getMeter: () => meter },
    close: () => {
      isOpen = false
      if (held > 0) countDropped(held)
    },
  }
}
