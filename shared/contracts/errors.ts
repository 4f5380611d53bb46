/** Failures, and the ends other than success that a handler can choose. */
import { type ReasonCode, reasons } from './reasons.ts'

/** What went wrong, in facts: the code is stable; logs, metrics, events and notifications use it unchanged. */
export interface Failure {
  readonly code: ReasonCode
  /** One sentence for people. Never a secret, never raw output of a program. */
  readonly message: string
  /** What to do about it, one sentence. */
  readonly action: string
  /** What is at fault where it is not the target itself: a host of Vault, of the issuer, of the KDC. */
  readonly causeName?: string
  /** For an entry without a token: the credds that get nothing, as far as they are known. */
  readonly credds?: readonly string[]
}

/** A failure with the standard advice of its code. `causeName` names what is at fault where it is not the target itself. */
export function failure(
  code: ReasonCode,
  message: string,
  { service = 'SERVICE', causeName }: { service?: string; causeName?: string | undefined } = {},
): Failure {
  const action = reasons[code].action.replace('{service}', service)
  return { code, message, action, ...(causeName !== undefined && { causeName }) }
}

/** What an error says besides its failure, to those who try again at once. */
export interface ErrorFacts {
  /** Another Kerberos ticket might not have met this. */
  readonly ticketRefused?: boolean
}

/** The error of a failure: final where the reason says that trying again would not help. */
export const errorOf = (failed: Failure, facts: ErrorFacts = {}): Permanent | Transient =>
  isPermanent(failed.code) ? new Permanent(failed, facts) : new Transient(failed, facts)

/** The same of a code and its sentence. */
export const failedWith = (...of: Parameters<typeof failure>) => errorOf(failure(...of))

class Failed extends Error {
  readonly failure: Failure
  readonly ticketRefused: boolean
  constructor(failed: Failure, { ticketRefused = false }: ErrorFacts = {}) {
    super(failed.message)
    this.failure = failed
    this.ticketRefused = ticketRefused
  }
}

/** An error that says what went wrong, and not only that something did. */
export const isFailed = (error: unknown): error is Permanent | Transient =>
  error instanceof Permanent || error instanceof Transient

export const codeOf = (error: unknown): ReasonCode | undefined =>
  isFailed(error) ? error.failure.code : undefined

export const isPermanent = (code: ReasonCode) => 'permanent' in reasons[code]

/** Trying again would not help: the failure is reported and the item ends. */
export class Permanent extends Failed {
  override readonly name = 'Permanent'
}

/** Not now: tried again after `delayMs`. With a failure, that is reported now while the work goes on. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater'
  readonly delayMs: number
  readonly failure: Failure | undefined
  /** Called once the failure is published, so that it is reported once per run. */
  readonly markReported: (() => Promise<void>) | undefined
  constructor(delayMs: number, failed?: Failure, markReported?: () => Promise<void>) {
    super(failed?.message ?? `again in ${delayMs} ms`)
    this.delayMs = delayMs
    this.failure = failed
    this.markReported = markReported
  }
}

/** A failure that may pass by itself; the caller's retry policy decides when to try again and when to report. */
export class Transient extends Failed {
  override readonly name = 'Transient'
}

/** Another holder has this item now: neither ack nor nak, and nothing may be reported. */
export class ClaimLost extends Error {
  override readonly name = 'ClaimLost'
}
