/** Remembers which credds did not answer, so that a dead one costs the lane one deadline and not one for each service. */
import { failure, Transient } from '../../shared/errors.ts'

export interface CreddHealth {
  /** It did not answer lately, and nothing has been heard of it since. */
  isTroubled(credd: string): boolean
  /**
   * Call before taking the lane. A troubled credd is asked by `probe`, outside the lane; whoever comes soon after an
   * unanswered question gets the same answer. Throws Transient `credd-unreachable`.
   */
  mustAnswer(credd: string, probe: () => Promise<boolean>): Promise<void>
  /** Learns from how a run ended. Undefined: it went well. */
  learn(credd: string, error: unknown): void
}

/** How long an unanswered question answers those after it too (milliseconds). */
const silenceMs = 20_000

/** `now` is a monotonic clock in milliseconds. */
export function watchCredds(now: () => number = () => performance.now()): CreddHealth {
  /** Troubled credds, each with when it last left a question unanswered; 0: it is to be asked. */
  const troubled = new Map<string, number>()
  return {
    isTroubled: (credd) => troubled.has(credd),
    async mustAnswer(credd, probe) {
      const silentSince = troubled.get(credd)
      if (silentSince === undefined) return
      if (silentSince === 0 || now() - silentSince >= silenceMs) {
        if (await probe()) return void troubled.delete(credd)
        troubled.set(credd, now())
      }
      throw new Transient(failure('credd-unreachable', `${credd} does not answer.`))
    },
    learn(credd, error) {
      if (error === undefined) troubled.delete(credd)
      else if (error instanceof Transient && isSilence.has(error.failure.code) && !troubled.has(credd))
        troubled.set(credd, 0)
    },
  }
}

/** A storer that was killed may have waited for the credd or for something else: the probe tells. */
const isSilence: ReadonlySet<string> = new Set(['credd-unreachable', 'storer-timeout'])
