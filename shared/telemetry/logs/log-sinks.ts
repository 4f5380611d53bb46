/** Copies every line to the far ends that are configured, each of which has a bounded buffer. */
import type { DestinationStream } from 'pino'
import type { Site } from '../../config/site.ts'
import type { Daemon } from '../../contracts/subjects.ts'
import type { Batcher } from '../exporters/batcher.ts'
import type { LogLine } from '../exporters/loki.ts'

/** Takes lines away from here. */
export interface LineSink {
  /** Returns at once, always. */
  offer(line: LogLine): void
}

/** Opens Loki (`loki.host`, unless it is switched off). */
export async function openLogSinks(
  daemon: Daemon,
  site: Pick<Site, 'loki' | 'devEnvironmentLabel'>,
  { useLoki }: { readonly useLoki: boolean },
): Promise<Batcher<LogLine>[]> {
  if (!site.loki || !useLoki) return []
  const { openLoki } = await import('../exporters/loki.ts')
  return [openLoki(daemon, site.loki, site.devEnvironmentLabel)]
}

/** Writes each line to `output`, and offers it to the sinks. */
export function copyTo(output: DestinationStream, sinks: readonly LineSink[]): DestinationStream {
  if (sinks.length === 0) return output
  return {
    write(text) {
      output.write(text)
      const line = { at: Date.now(), line: text }
      for (const sink of sinks) sink.offer(line)
    },
  }
}
