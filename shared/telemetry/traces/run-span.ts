/** Spans for what no message asks for, such as a run's deadline or a digest: in the trace of the one run it is about, or linked to each of many. */
import {
  context,
  isSpanContextValid,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api'

/** A place in a trace, as it is kept in a bucket. */
export interface SpanRef {
  readonly traceId: string
  readonly spanId: string
}

/** The same as it is read again: older values have none. */
export type KeptRef = { readonly [key in keyof SpanRef]?: string | undefined }

/** Where we are; undefined where nothing is traced. */
export function currentSpanRef(): SpanRef | undefined {
  const here = trace.getActiveSpan()?.spanContext()
  if (!here || !isSpanContextValid(here) || !(here.traceFlags & TraceFlags.SAMPLED)) return undefined
  return { traceId: here.traceId, spanId: here.spanId }
}

/**
 * Runs `work` in a span about these runs: below the place of a single one, at the root with a link to each of several.
 * Without any there is no span.
 */
export async function inSpanAbout<T>(
  name: string,
  refs: readonly KeptRef[],
  work: () => Promise<T>,
): Promise<T> {
  const places = new Map(refs.flatMap(placeOf).map((place) => [place.traceId, place]))
  const [first, ...more] = places.values()
  if (!first) return work()
  const parent = more.length === 0 ? trace.setSpanContext(context.active(), first) : context.active()
  const span = trace.getTracer('managed-tokens').startSpan(
    name,
    {
      kind: SpanKind.PRODUCER,
      root: more.length > 0,
      links: more.length > 0 ? [...places.values()].map((place) => ({ context: place })) : [],
    },
    parent,
  )
  try {
    return await context.with(trace.setSpan(parent, span), work)
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR })
    throw error
  } finally {
    span.end()
  }
}

function placeOf({ traceId = '', spanId = '' }: KeptRef): SpanContext[] {
  const place = { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true }
  return isSpanContextValid(place) ? [place] : []
}
