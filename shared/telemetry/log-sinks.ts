/** Copies every line to the far ends that are configured; each has a bounded buffer and is loaded only when it is used. */
import type { DestinationStream } from 'pino'
import { environment } from '../config/environment.ts'
import type { Site } from '../config/site.ts'
import type { Daemon } from '../subjects.ts'
import type { Batcher } from './batcher.ts'
import type { LogLine } from './loki.ts'

/** Opens Loki (`loki.host`, unless it is switched off) and OTLP logs (by the standard variables). */
export async function openLogSinks(
  daemon: Daemon,
  site: Pick<Site, 'loki' | 'devEnvironmentLabel'>,
  { useLoki }: { readonly useLoki: boolean },
): Promise<Batcher<LogLine>[]> {
  const sinks: Batcher<LogLine>[] = []
  if (site.loki && useLoki) {
    const { openLoki } = await import('./loki.ts')
    sinks.push(openLoki(daemon, site.loki, site.devEnvironmentLabel))
  }
  if (environment.otel.length > 0) {
    const { openOtlpLogs } = await import('./otlp-logs.ts')
    const sink = openOtlpLogs(daemon, site)
    if (sink) sinks.push(sink)
  }
  return sinks
}

/** Writes each line to `output`, and offers it to the sinks. */
export function copyTo(output: DestinationStream, sinks: readonly Batcher<LogLine>[]): DestinationStream {
  if (sinks.length === 0) return output
  return {
    write(text) {
      output.write(text)
      const line = { at: Date.now(), line: text }
      for (const sink of sinks) sink.offer(line)
    },
  }
}
