/** What is new is told when nothing more lies unheard; and what the clock brings: runs at their deadline, silence, tokens near their end. */
import type { Logger } from 'pino'
import type { Bus } from '../../shared/bus/connect.ts'
import { type Outgoing, publishAll } from '../../shared/bus/publish.ts'
import { tellNews } from './digest/send-digest.ts'
import { type FactReceived, handleFact, type NotifierDeps } from './handle.ts'
import { endOverdueRuns } from './ledger/deadlines.ts'
import { beforeAllRuns } from './ledger/ledger.ts'
import { type Backlog, isLastUnheard, readBacklog } from './outbox/backlog.ts'
import { watchExpiry } from './watch/watch-expiry.ts'
import { watchSilence } from './watch/watch-silence.ts'

/** All in milliseconds. */
const every = { round: 1_000, quietRound: 5_000, news: 10_000, expiry: 10 * 60_000 }
/** A notifier that is behind by less hears what happens now: there is always something on a busy bus. */
const littleBehindMs = 60_000
/** So long it waits on a busy bus for a quiet moment, in which everything that belongs together can be told as one. */
const patienceMs = 30_000

export interface ClockDeps extends NotifierDeps {
  readonly bus: Bus
  readonly log: Logger
}

/** Handles a fact; what is new is told at once where nothing else lies behind it, and else at the next quiet look. */
export async function handleAndTell(
  received: FactReceived,
  deps: NotifierDeps & { readonly bus: Bus },
): Promise<readonly Outgoing[]> {
  const outgoing = await handleFact(received, deps)
  const { bus, news } = deps
  if (outgoing.length > 0 || !news.isWaiting || received.pending > 0) return outgoing
  try {
    if (await isLastUnheard(bus)) await tellAll(deps, new Date())
  } catch (error) {
    // The fact itself is handled: the next look at the clock tells.
    news.isWaiting = true
    received.log.warn({ err: error }, 'could not tell what is new: trying again')
  }
  return []
}

async function tellAll(deps: NotifierDeps & { readonly bus: Bus }, now: Date): Promise<void> {
  // Before it is looked for: what comes meanwhile waits for the next time.
  deps.news.isWaiting = false
  await tellNews({ ...deps, publish: (messages) => publishAll(deps.bus, messages) }, now)
}

/** Looks once a second while there is anything to wait for. What fails is tried again at the next look: the buckets are the memory. */
export function startClock(deps: ClockDeps): Disposable {
  const round = openClock(deps)
  let looking = false
  let quietUntil = 0
  const timer = setInterval(() => {
    if (looking || (performance.now() < quietUntil && !deps.news.isWaiting)) return
    looking = true
    round(new Date())
      .then((againMs) => {
        // The timer's own period comes on top.
        quietUntil = performance.now() + againMs - every.round
      })
      .catch((error: unknown) => deps.log.warn({ err: error }, 'could not look at the clock: trying again'))
      .finally(() => {
        looking = false
      })
  }, every.round)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** The same without a timer of its own; answers when to look again (milliseconds). */
export function openClock(deps: ClockDeps): (now: Date) => Promise<number> {
  const { bus, ledger, site } = deps
  let quietAt = performance.now()
  let silentAt: number | undefined
  let newsDue = 0
  let expiryDue = 0

  return async function round(now) {
    const isNewsDue = () => deps.news.isWaiting || performance.now() >= newsDue
    if (!isNewsDue() && (await ledger.openRuns()).length === 0) return every.quietRound
    const backlog = await readBacklog(bus, now)
    const finished = await endOverdueRuns(ledger, now, backlog.handledUntil)
    await publishAll(bus, finished)
    // What they bring comes first.
    if (finished.length > 0 || !isQuiet(backlog, now) || !isNewsDue()) return every.round
    newsDue = performance.now() + every.news
    await watchSilence(deps, now, async () => (await ledger.latestRun()) ?? beforeAllRuns, isSettled)
    if (performance.now() >= expiryDue) {
      expiryDue = performance.now() + every.expiry
      await watchExpiry(deps, now)
    }
    await tellAll(deps, now)
    return every.round
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
