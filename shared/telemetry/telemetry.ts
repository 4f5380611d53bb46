/** All that a daemon says about itself, opened in one place: log, traces, metrics, health. None of it is ever waited for. */
import type { Logger } from 'pino'
import { environment } from '../config/environment.ts'
import type { Site } from '../config/site.ts'
import type { Daemon } from '../contracts/subjects.ts'
import { version } from '../release/version.ts'
import { beginHealth } from './health.ts'
import { createLog } from './logs/log.ts'
import { logDirectoryOf, openLogOutput } from './logs/log-output.ts'
import { copyTo, openLogSinks } from './logs/log-sinks.ts'
import { buildInfo } from './metrics/metrics.ts'
import { startOtlp } from './otlp/otlp.ts'

export interface TelemetryOptions {
  readonly daemon: Daemon
  /** The configuration in force; what is opened here is decided by the first one. */
  readonly site: () => Site
  /** Standard output is a terminal. */
  readonly pretty: boolean
  /** `--no-loki`: no lines go to Loki. */
  readonly useLoki: boolean
}

export interface Telemetry extends AsyncDisposable {
  readonly log: Logger
}

/** Opens everything. Throws a sentence for people where the log file cannot be written. Disposing takes three seconds at most. */
export async function openTelemetry({ daemon, site, pretty, useLoki }: TelemetryOptions): Promise<Telemetry> {
  const first = site()
  await using stack = new AsyncDisposableStack()
  const output = stack.use(
    openLogOutput(daemon, {
      directory: logDirectoryOf(first.logDirectory, environment.LOGS_DIRECTORY),
      pretty,
    }),
  )
  const reopen = () => output.reopen()
  process.on('SIGHUP', reopen)
  stack.defer(() => void process.off('SIGHUP', reopen))
  const sinks = await openLogSinks(daemon, first, { useLoki })
  const otlp = await startOtlp(daemon, first)
  const log = createLog(daemon, copyTo(output, [...sinks, ...otlp.sinks]))
  beginHealth(daemon)
  buildInfo.set({ version, daemon }, 1)
  if (first.telemetry.metricsPort !== undefined) {
    // Node's HTTP module is a fifth of a daemon's start.
    const { serveTelemetry } = await import('./server/server.ts')
    stack.use(await serveTelemetry(daemon, site, log))
  }
  // At the same time: each of them may wait two seconds for its far end.
  const away = [...sinks, otlp, ...(await openPusher(daemon, site, log))]
  stack.defer(async () => {
    await Promise.all(away.map((one) => one[Symbol.asyncDispose]()))
  })
  const opened = stack.move()
  return { log, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

async function openPusher(daemon: Daemon, site: () => Site, log: Logger): Promise<AsyncDisposable[]> {
  const { prometheus } = site()
  if (!prometheus) return []
  const { openPushgateway } = await import('./exporters/pushgateway.ts')
  return [openPushgateway(daemon, prometheus, site, log)]
}
