/** Log lines to Loki, as its push API takes them; one stream a daemon, so that few labels stay few. */
import type { Site } from '../../config/site.ts'
import type { Daemon } from '../../contracts/subjects.ts'
import { type Batcher, openBatcher } from './batcher.ts'
import { openDropCount } from './dropped.ts'
import { post, urlOf } from './post.ts'

/** A line of JSON as it was written, with its end, and when it was written (milliseconds since the epoch). */
export interface LogLine {
  readonly at: number
  readonly line: string
}

/** Buffer and batch (bytes): some seconds of ten thousand lines each. */
const lineLimits = {
  maxBytes: 4 * 1024 * 1024,
  batchBytes: 512 * 1024,
  batchItems: 2_000,
  lingerMs: 1_000,
} as const

/** How long Loki may take where `loki.response_header_timeout` does not say (milliseconds). */
const usualPatienceMs = 10_000

/** Opens the way to Loki. */
export function openLoki(
  daemon: Daemon,
  { host, responseHeaderTimeoutMs = usualPatienceMs }: NonNullable<Site['loki']>,
  environment: string,
): Batcher<LogLine> {
  const url = urlOf(host, '/loki/api/v1/push')
  const stream = { app: 'managed-tokens', daemon, environment }
  return openBatcher<LogLine>({
    ...lineLimits,
    sizeOf: ({ line }) => line.length,
    timeoutMs: responseHeaderTimeoutMs,
    send: (lines, signal) =>
      post(url, { contentType: 'application/json', content: lokiBody(stream, lines) }, signal),
    onDropped: openDropCount('logs', 'loki'),
  })
}

/** Lines of one millisecond get nanoseconds in their order, or Loki would mix them. Pure. */
function lokiBody(stream: Readonly<Record<string, string>>, lines: readonly LogLine[]): string {
  let last = 0
  let within = 0
  const values = lines.map(({ at, line }) => {
    within = at === last ? within + 1 : 0
    last = at
    return [`${at}${String(within).padStart(6, '0')}`, line.trimEnd()]
  })
  return JSON.stringify({ streams: [{ stream, values }] })
}
