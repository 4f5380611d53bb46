/** Counts what a far end did not take: from 0, once it is opened. */
import { droppedTotal } from '../metrics/metrics.ts'

/** Call it where that end is opened; the result counts so many spans, lines or pushes. */
export function openDropCount(
  signal: 'traces' | 'logs' | 'metrics',
  sink: 'file' | 'loki' | 'otlp' | 'pushgateway',
): (items: number) => void {
  const dropped = droppedTotal.labels({ signal, sink })
  dropped.inc(0)
  return (items) => dropped.inc(items)
}
