/** What no event says and the clock brings: runs at their deadline, silence, tokens near their end. */
import type { Logger } from 'pino'
import type { Bus } from '../../shared/bus/connect.ts'
import { publishAll } from '../../shared/bus/publish.ts'
import { littleBehindMs } from './digest/when-to-send.ts'
import type { NotifierDeps } from './handle.ts'
import { beforeAllRuns } from './ledger/ledger.ts'
import { endOverdueRuns } from './ledger/run-end.ts'
import { readUnheard } from './ledger/unheard.ts'
import { watchExpiry } from './watch/watch-expiry.ts'
import { watchSilence } from './watch/watch-silence.ts'

/** All in milliseconds. */
const every = { look: 2_000, watch: 10_000, expiry: 10 * 60_000 }

export interface ClockDeps extends NotifierDeps {
  readonly bus: Bus
  /** Called now and then, since another notifier may have left something to send. */
  readonly wake: () => void
}

/** What fails is tried again at the next look: the buckets are the memory. */
export function startClock(deps: ClockDeps, log: Logger): Disposable {
  const look = openClock(deps)
  let isLooking = false
  async function lookOnce(): Promise<void> {
    if (isLooking) return
    isLooking = true
    await look(new Date()).catch((error: unknown) =>
      log.warn({ err: error }, 'could not look at the clock: trying again'),
    )
    isLooking = false
  }
  void lookOnce()
  const timer = setInterval(lookOnce, every.look)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** The same without a timer of its own. */
export function openClock(deps: ClockDeps): (now: Date) => Promise<void> {
  const { bus, ledger, site } = deps
  let silentAt: number | undefined
  const due = { watch: 0, expiry: 0 }

  return async function look(now) {
    const isWatchDue = performance.now() >= due.watch
    if (!isWatchDue && (await ledger.openRuns()).length === 0) return
    const { handledUntil, behindMs } = await readUnheard(bus, now)
    await publishAll(bus, await endOverdueRuns(ledger, now, handledUntil))
    if (!isWatchDue || behindMs > littleBehindMs) return
    due.watch = performance.now() + every.watch
    deps.wake()
    await watchSilence(deps, now, async () => (await ledger.latestRun()) ?? beforeAllRuns, isSettled)
    if (performance.now() < due.expiry) return
    due.expiry = performance.now() + every.expiry
    await watchExpiry(deps, now)
  }

  /** This machine may have slept: what its waking has started needs the time of a run. */
  function isSettled(isSilent: boolean): boolean {
    silentAt = isSilent ? (silentAt ?? performance.now()) : undefined
    return silentAt !== undefined && performance.now() - silentAt >= site().timeouts.globalMs
  }
}
