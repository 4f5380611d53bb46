import { codeOf, failedWith } from '../../../shared/contracts/errors.ts'
import type { ReasonCode } from '../../../shared/contracts/reasons.ts'

export interface CreddHealth {
  /** It did not answer lately, and nothing has been heard of it since. */
  isTroubled(credd: string): boolean
  /**
   * Call before taking the lane. A troubled credd is asked by `probe`, outside the lane; whoever comes soon after an
   * unanswered question, in the same run, gets the same answer. Throws Transient `credd-unreachable`.
   */
  mustAnswer(credd: string, run: string, probe: () => Promise<boolean>): Promise<void>
  /** Learns from how a run of the storer ended. Undefined: it went well. */
  learn(credd: string, error: unknown): void
}

/** How long an unanswered question answers those after it too (milliseconds). */
const silenceMs = 20_000

/** `now` is a monotonic clock in milliseconds. */
export function watchCredds(now: () => number = () => performance.now()): CreddHealth {
  /** Troubled credds, with the question that was last left unanswered, if one was asked. */
  const troubled = new Map<string, { readonly run: string; readonly at: number } | undefined>()
  return {
    isTroubled: (credd) => troubled.has(credd),
    async mustAnswer(credd, run, probe) {
      if (!troubled.has(credd)) return
      const asked = troubled.get(credd)
      if (asked?.run !== run || now() - asked.at >= silenceMs) {
        if (await probe()) return void troubled.delete(credd)
        troubled.set(credd, { run, at: now() })
      }
      throw failedWith('credd-unreachable', `${credd} does not answer.`)
    },
    learn(credd, error) {
      const code = codeOf(error)
      if (error === undefined || (code && isAnswer.has(code))) troubled.delete(credd)
      else if (code && isSilence.has(code) && !troubled.has(credd)) troubled.set(credd, undefined)
    },
  }
}

/** A storer that was killed may have waited for the credd or for something else: the probe tells. */
const isSilence: ReadonlySet<ReasonCode> = new Set(['credd-unreachable', 'storer-timeout'])
/** Reasons that only a credd which answers can have. */
const isAnswer: ReadonlySet<ReasonCode> = new Set([
  'credd-not-allowed',
  'credd-misconfigured',
  'untrusted-vault-host',
  'scope-mismatch',
  'nothing-stored',
])
