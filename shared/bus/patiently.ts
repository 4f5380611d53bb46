/** Asks the bus again, in place, while it does not answer: what was done before the question is not done again for it. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { mayAnswerLater } from './bus-errors.ts'

export interface PatienceOptions {
  /** Ends the waiting: the daemon stops. What is being asked then gets a moment more. */
  readonly signal?: AbortSignal | undefined
  readonly log?: Pick<Logger, 'warn'> | undefined
  /** How long the bus may be away (milliseconds). */
  readonly patienceMs?: number
  /** Between one question and the next (milliseconds). */
  readonly pauseMs?: number
}

/** After the abort (milliseconds). */
const lastMomentMs = 1_000

/**
 * The answer of `ask`, which is asked again where the bus was away; it has to be safe to repeat. Throws any other error at
 * once, and the last one when the patience is over or `signal` is aborted.
 */
export async function patiently<T>(
  ask: () => Promise<T>,
  { signal, log, patienceMs = 5 * 60_000, pauseMs = 250 }: PatienceOptions = {},
): Promise<T> {
  const deadline = performance.now() + patienceMs
  for (let tries = 1; ; tries++) {
    try {
      return await unlessAborted(ask(), signal)
    } catch (error) {
      if (signal?.aborted || !mayAnswerLater(error) || performance.now() > deadline) throw error
      if (tries === 1)
        log?.warn({ reason: (error as Error).message }, 'the bus does not answer: asking again')
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined)
      if (signal?.aborted) throw error
    }
  }
}

function unlessAborted<T>(asked: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return asked
  const { promise: given, reject } = Promise.withResolvers<never>()
  let timer: NodeJS.Timeout | undefined
  const giveUpSoon = () => {
    timer = setTimeout(() => reject(signal.reason), lastMomentMs)
  }
  if (signal.aborted) giveUpSoon()
  else signal.addEventListener('abort', giveUpSoon, { once: true })
  return Promise.race([asked, given]).finally(() => {
    clearTimeout(timer)
    signal.removeEventListener('abort', giveUpSoon)
  })
}
