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

/** From one look to the next, while a run is open and else; and how often it watches what. All in milliseconds. */
const every = { open: 2_000, quiet: 10_000, watch: 20_000, expiry: 10 * 60_000 }

export interface ClockDeps extends NotifierDeps {
  readonly bus: Bus
  /** Called now and then, since another notifier may have left something to send. */
  readonly wake: () => void
}

/** What fails is tried again at the next look: the buckets are the memory. */
export function startClock(deps: ClockDeps, log: Logger): Disposable {
  const look = openClock(deps)
  let timer: NodeJS.Timeout
  let isOver = false
  async function lookOn(): Promise<void> {
    const { isOpen } = await look(new Date()).catch((error: unknown) => {
      log.warn({ err: error }, 'could not look at the clock: trying again')
      return { isOpen: true }
    })
    if (!isOver) timer = setTimeout(lookOn, isOpen ? every.open : every.quiet)
  }
  void lookOn()
  return {
    [Symbol.dispose]() {
      isOver = true
      clearTimeout(timer)
    },
  }
}

/** The same without a timer of its own; `isOpen`: there are runs that have not finished. */
export function openClock(deps: ClockDeps): (now: Date) => Promise<{ isOpen: boolean }> {
  const { bus, ledger, site } = deps
  let silentAt: number | undefined
  const due = { watch: 0, expiry: 0 }

  return async function look(now) {
    const began = performance.now()
    const isOpen = (await ledger.openRuns()).length > 0
    const isWatchDue = began >= due.watch
    if (!isOpen && !isWatchDue) return { isOpen }
    const { handledUntil, behindMs } = await readUnheard(bus, now)
    if (isOpen) await publishAll(bus, await endOverdueRuns(ledger, now, handledUntil))
    if (isWatchDue && behindMs <= littleBehindMs) await watch(now, began)
    return { isOpen }
  }

  async function watch(now: Date, began: number): Promise<void> {
    due.watch = began + every.watch
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
