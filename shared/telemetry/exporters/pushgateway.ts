/** Pushes this daemon's metrics to a Pushgateway, under a grouping key of its own, or daemons would erase one another. */
import type { IncomingMessage } from 'node:http'
import { hostname } from 'node:os'
import type { Logger } from 'pino'
import { Pushgateway } from 'prom-client'
import type { Site } from '../../config/site.ts'
import type { Daemon } from '../../contracts/subjects.ts'
import { wayTo } from '../../https/agents.ts'
import { watchEventLoop } from '../metrics/event-loop.ts'
import { registry } from '../metrics/registry.ts'
import { contentType, refreshSeries } from '../metrics/scrape.ts'
import type { Delivery } from './batcher.ts'
import { openDropCount } from './dropped.ts'
import { isBusy, urlOf } from './post.ts'

/** Before the first push, between two, and how long one may take (milliseconds). */
const usualTiming = { firstMs: 1_000, everyMs: 15_000, timeoutMs: 2_000 }

export interface Pusher extends AsyncDisposable {
  /** Pushes now, unless a push is on its way. */
  push(): Promise<void>
}

/**
 * Pushes at an interval, and once more when it is disposed. A push that fails is counted, and the next one says it all; the
 * log hears of the first one that fails, and when it works again.
 */
export function openPushgateway(
  daemon: Daemon,
  { host, jobname }: NonNullable<Site['prometheus']>,
  site: () => Pick<Site, 'entries'>,
  log: Logger,
  timing = usualTiming,
): Pusher {
  const url = new URL(groupUrl(host, jobname, daemon, hostname()))
  const tell = tellChanges(url, log)
  const countDropped = openDropCount('metrics', 'pushgateway')
  let pushing: Promise<void> | undefined
  watchEventLoop()

  const push = (timeoutMs = timing.timeoutMs) => {
    pushing ??= pushOnce(timeoutMs).finally(() => {
      pushing = undefined
    })
    return pushing
  }

  async function pushOnce(timeoutMs: number): Promise<void> {
    await refreshSeries(site())
    const delivery = await pushTo(url, AbortSignal.timeout(timeoutMs))
    if (delivery !== 'taken') countDropped(1)
    tell(delivery)
  }

  const first = setTimeout(() => void push(), timing.firstMs).unref()
  const timer = setInterval(() => void push(), timing.everyMs).unref()
  return {
    push: () => push(),
    async [Symbol.asyncDispose]() {
      clearTimeout(first)
      clearInterval(timer)
      await Promise.race([pushing, new Promise((end) => setTimeout(end, 1_000).unref())])
      await pushOnce(1_000)
    },
  }
}

/** Never throws. The signal ends it at any point, also where an answer has begun. */
async function pushTo(url: URL, signal: AbortSignal): Promise<Delivery> {
  try {
    const { agent } = await wayTo(url)
    const { promise: tooLate, reject } = Promise.withResolvers<never>()
    signal.addEventListener('abort', reject, { once: true })
    // The whole path: the library can write no job with a slash in it, which is in base64 and under another label.
    const options = { path: url.pathname, headers: { 'Content-Type': contentType }, agent, signal }
    const gateway = new Pushgateway(url.href, { ...options, requireJobName: false }, registry)
    const { resp } = await Promise.race([gateway.push({ jobName: '' }), tooLate])
    return verdictOf((resp as IncomingMessage).statusCode)
  } catch (error) {
    return verdictOf(Number(/^push failed with status (\d+)/.exec(String((error as Error).message))?.[1]))
  }
}

/** Without an answer there is no status. Pure. */
function verdictOf(status = Number.NaN): Delivery {
  if (status >= 200 && status < 300) return 'taken'
  return status >= 400 && !isBusy(status) ? 'refused' : 'later'
}

/** One line for each change: a Pushgateway that is away for a night is no news every fifteen seconds. */
function tellChanges({ host, pathname }: URL, log: Logger): (delivery: Delivery) => void {
  let last: Delivery = 'taken'
  return (delivery) => {
    if (delivery === last) return
    last = delivery
    if (delivery === 'taken') log.info({ host }, 'the Pushgateway takes the metrics again')
    else if (delivery === 'refused')
      log.warn(
        { host, group: pathname },
        'the Pushgateway refuses the metrics, said once: are prometheus.host and prometheus.jobname right?',
      )
    else
      log.warn(
        { host },
        'the Pushgateway does not take the metrics, said once: is it there, at prometheus.host?',
      )
  }
}

/** PUT on this address replaces this group of series and no other. Pure. */
export function groupUrl(host: string, jobname: string, daemon: Daemon, instance: string): string {
  const group = Object.entries({ job: jobname, daemon, instance }).map(groupPart).join('/')
  return `${urlOf(host, '').replace(/\/+$/, '')}/metrics/${group}`
}

/** A value with a slash in it, encoded or not, would be two parts of the path to the Pushgateway. */
const groupPart = ([label, value]: [string, string]) =>
  value.includes('/')
    ? `${label}@base64/${Buffer.from(value).toString('base64url')}`
    : `${label}/${encodeURIComponent(value)}`
