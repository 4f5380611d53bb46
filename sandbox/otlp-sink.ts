/** An OTLP/HTTP receiver for traces in JSON: keeps each export request as `<n>.json`. */
import { startHttpSink } from './http-sink.ts'
import type { Sink } from './mail-sink.ts'
import { numberFiles } from './numbered-files.ts'

/** Takes POSTs to `/v1/traces`; spans in protobuf are refused with 415, because nobody could grep them. */
export async function startOtlpSink(directory: string): Promise<Sink> {
  const keep = numberFiles(directory, 'json')
  return startHttpSink(({ path, contentType, body }) => {
    if (path !== '/v1/traces') return { status: 404, body: '' }
    if (contentType !== 'application/json') return { status: 415, body: '' }
    JSON.parse(body.toString('utf8'))
    keep(body)
    return { status: 200, body: '{}' }
  })
}
