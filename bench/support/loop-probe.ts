/** Loaded into a daemon with `--import`: measures its event loop and its memory, and reports them when asked with `probe`. */
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** Since the last report. */
export interface ProbeReport {
  readonly loopDelayP99Ms: number
  readonly loopDelayMaxMs: number
  readonly peakRssMb: number
}

/** The histogram counts the time between two ticks of its timer, so an idle loop shows the timer's period (milliseconds). */
const resolution = 1
const histogram = monitorEventLoopDelay({ resolution })
histogram.enable()
let peakRss = 0
setInterval(() => {
  peakRss = Math.max(peakRss, process.memoryUsage.rss())
}, 20).unref()

process.on('message', (message) => {
  if (message !== 'probe') return
  const toMs = (nanoseconds: number) => nanoseconds / 1e6 - resolution
  const report: ProbeReport = {
    loopDelayP99Ms: toMs(histogram.percentile(99)),
    loopDelayMaxMs: toMs(histogram.max),
    peakRssMb: peakRss / 1024 / 1024,
  }
  histogram.reset()
  peakRss = 0
  process.send?.(report)
})
