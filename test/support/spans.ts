/** The spans that a site's receiver has kept, flat. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Span {
  readonly service: string
  readonly traceId: string
  readonly spanId: string
  /** Empty for a root. */
  readonly parentSpanId: string
  readonly name: string
  readonly attributes: Readonly<Record<string, string | number | boolean>>
  /** Milliseconds since the epoch. */
  readonly start: number
  readonly end: number
  readonly isError: boolean
}

interface OtlpAttribute {
  readonly key: string
  readonly value: {
    stringValue?: string
    intValue?: number | string
    boolValue?: boolean
    doubleValue?: number
  }
}

interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly OtlpAttribute[]
  readonly status?: { readonly code?: number }
}

interface OtlpExport {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly OtlpAttribute[] }
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[]
  }[]
}

/** Every span in `<dir>/traces`. Daemons send them in batches: all are there once the daemons have stopped. */
export function readSpans(dir: string): Span[] {
  const directory = join(dir, 'traces')
  return readdirSync(directory).flatMap((name) => {
    const { resourceSpans } = JSON.parse(readFileSync(join(directory, name), 'utf8')) as OtlpExport
    return resourceSpans.flatMap(({ resource, scopeSpans }) => {
      const service = String(attributesOf(resource.attributes)['service.name'])
      return scopeSpans.flatMap(({ spans }) => spans.map((span) => flatten(span, service)))
    })
  })
}

function flatten(span: OtlpSpan, service: string): Span {
  return {
    service,
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? '',
    name: span.name,
    attributes: attributesOf(span.attributes),
    start: Number(span.startTimeUnixNano) / 1e6,
    end: Number(span.endTimeUnixNano) / 1e6,
    isError: span.status?.code === 2,
  }
}

function attributesOf(attributes: readonly OtlpAttribute[]): Span['attributes'] {
  return Object.fromEntries(
    attributes.map(({ key, value: { stringValue, intValue, boolValue, doubleValue } }) => [
      key,
      stringValue ?? boolValue ?? Number(intValue ?? doubleValue),
    ]),
  )
}
