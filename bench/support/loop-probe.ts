/** Loaded into a daemon with `--import`: how late its event loop is, in the last line that it writes. */
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** The histogram counts the time between two ticks of its timer, so an idle loop shows the timer's period (milliseconds). */
const resolution = 1
const histogram = monitorEventLoopDelay({ resolution })
histogram.enable()

process.on('exit', () => {
  process.stdout.write(`loopDelayP99Ms: ${histogram.percentile(99) / 1e6 - resolution}\n`)
})
