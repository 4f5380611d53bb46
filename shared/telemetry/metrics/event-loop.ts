/** How late this process's event loop comes, between two readings of the metrics. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { gauge } from './registry.ts'

/** Between two looks (milliseconds): seldom enough that an idle daemon stays idle. */
const resolution = 100
const quantiles = [0.5, 0.9, 0.99, 1]
let delays: ReturnType<typeof monitorEventLoopDelay> | undefined

/** In seconds; the quantile 1 is the longest. */
export const eventLoopDelay = gauge(
  'event_loop_delay_seconds',
  'How late the event loop came since the last reading, by quantile (0.5, 0.9, 0.99, 1).',
  ['quantile'],
  function () {
    if (!delays || delays.count === 0) return
    for (const quantile of quantiles) {
      const measured = quantile === 1 ? delays.max : delays.percentile(quantile * 100)
      this.set({ quantile: String(quantile) }, Math.max(0, measured / 1e9 - resolution / 1_000))
    }
    delays.reset()
  },
)

/** Starts to measure: only where somebody reads the metrics. */
export function watchEventLoop(): void {
  delays ??= monitorEventLoopDelay({ resolution })
  delays.enable()
}
