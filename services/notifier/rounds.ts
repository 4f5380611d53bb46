/** What the clock brings, once a second: runs at their deadline, silence, tokens near their end; and then what is new is told. */
import type { Logger } from 'pino'
import type { Bus } from '../../shared/bus.ts'
import { publishAll } from '../../shared/publish.ts'
import { type Backlog, readBacklog } from './backlog.ts'
import { endOverdueRuns } from './deadlines.ts'
import type { NotifierDeps } from './handle.ts'
import { tellNews } from './tell.ts'
import { watchExpiry } from './watch-expiry.ts'
import { watchSilence } from './watch-silence.ts'

/** All in milliseconds. */
const every = { round: 1_000, news: 10_000, expiry: 10 * 60_000 }
/** A notifier that is behind by less hears what happens now: there is always something on a busy bus. */
const littleBehindMs = 60_000
/** So long it waits on a busy bus for a quiet moment, in which everything that belongs together can be told as one. */
const patienceMs = 30_000

export interface RoundDeps extends NotifierDeps {
  readonly bus: Bus
  readonly log: Logger
}

/** Looks once a second. What fails is tried again at the next look: the buckets are the memory. */
export function keepRounds(deps: RoundDeps): Disposable {
  const round = openRounds(deps)
  let looking = false
  const timer = setInterval(() => {
    if (looking) return
    looking = true
    round(new Date())
      .catch((error: unknown) => deps.log.warn({ err: error }, 'could not look at the clock: trying again'))
      .finally(() => {
        looking = false
      })
  }, every.round)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** The same without a timer of its own. */
export function openRounds(deps: RoundDeps): (now: Date) => Promise<void> {
  const { bus, ledger, site } = deps
  let quietAt = performance.now()
  let silentAt: number | undefined
  let newsDue = 0
  let expiryDue = 0

  return async function round(now) {
    const backlog = await readBacklog(bus, now)
    const finished = await endOverdueRuns(ledger, now, backlog.handledUntil)
    await publishAll(bus, finished)
    // What they bring comes first.
    if (finished.length > 0 || !isQuiet(backlog, now)) return
    if (!deps.news.isWaiting && performance.now() < newsDue) return
    newsDue = performance.now() + every.news
    await watchSilence(deps, now, (await ledger.latestRun()) ?? noRun, isSettled)
    if (performance.now() >= expiryDue) {
      expiryDue = performance.now() + every.expiry
      await watchExpiry(deps, now)
    }
    deps.news.isWaiting = false
    await tellNews({ ...deps, publish: (messages) => publishAll(bus, messages) }, now)
  }

  function isQuiet({ isEmpty, handledUntil }: Backlog, now: Date): boolean {
    const isBehind = now.getTime() - handledUntil.getTime() > littleBehindMs
    const isLongEnough = performance.now() - quietAt > patienceMs
    if (isEmpty || isBehind || isLongEnough) quietAt = performance.now()
    return isEmpty || (!isBehind && isLongEnough)
  }

  /** This machine may have slept: what its waking has started needs the time of a run. */
  function isSettled(isSilent: boolean): boolean {
    silentAt = isSilent ? (silentAt ?? performance.now()) : undefined
    return silentAt !== undefined && performance.now() - silentAt >= site().timeouts.globalMs
  }
}

/** A run's id is wanted where none has been yet. */
const noRun = '00000000000000000000000000'
