/** All bearer tokens of an entry's nodes: each made or failed by itself, and when they have to be made anew. */
import type { Logger } from 'pino'
import { isBusError } from '../../../shared/bus/bus-errors.ts'
import type { Bearer } from '../../../shared/config/schema/deliver-schema.ts'
import { formatDuration } from '../../../shared/config/schema/duration.ts'
import type { Entry } from '../../../shared/config/site.ts'
import {
  type Failure,
  failedWith,
  failure,
  isFailed,
  Permanent,
  RetryLater,
} from '../../../shared/contracts/errors.ts'
import { timestamp } from '../../../shared/contracts/messages.ts'
import type { SealedBearer } from '../../../shared/tokens/seal.ts'
import { type BearerToken, getBearerToken } from './bearer-token.ts'
import type { HtgettokenOptions } from './htgettoken.ts'

export interface BearerOptions extends HtgettokenOptions {
  /** Runs `work` when Vault may be asked; the signal ends it when Vault wants to be left alone. */
  readonly afterPause: <T>(work: (paused: AbortSignal) => Promise<T>) => Promise<T>
  readonly log: Logger
}

export interface MadeBearers {
  readonly bearers: readonly SealedBearer[]
  /** When the first of them has to be made anew; absent where that can wait for the next run. */
  readonly renewAt?: string
}

/** A failure that may pass is tried again after so long (milliseconds): each try is a run of its own, of which people may hear. */
export const retryMs = 15 * 60_000

/** Makes them at the same time. What fails becomes a failure in its place; throws only where the daemon is stopping, or the bus away. */
export async function makeBearers(entry: Entry, options: BearerOptions): Promise<MadeBearers> {
  const { afterPause, signal } = options
  const make = (bearer: Bearer) =>
    afterPause((paused) =>
      getBearerToken(entry, bearer, { ...options, signal: AbortSignal.any([signal, paused]) }),
    )
  return joinBearers(
    await Promise.all(entry.deliver.bearers.map((bearer) => makeBearer(entry, bearer, { ...options, make }))),
  )
}

/** What was made one by one. Pure. */
export function joinBearers(made: readonly MadeBearer[]): MadeBearers {
  const due = made.flatMap(({ renewAt }) => renewAt ?? [])
  return {
    bearers: made.map(({ sealed }) => sealed),
    ...(due.length > 0 && { renewAt: timestamp(new Date(Math.min(...due))) }),
  }
}

export interface MadeBearer {
  readonly sealed: SealedBearer
  /** Why there is none. */
  readonly error?: unknown
  /** Milliseconds since the epoch. */
  readonly renewAt?: number
}

/** One of them; throws as {@link makeBearers} does. */
export async function makeBearer(
  entry: Entry,
  bearer: Bearer,
  {
    make,
    log,
    signal,
  }: Pick<BearerOptions, 'log' | 'signal'> & {
    readonly make: (bearer: Bearer) => Promise<BearerToken>
  },
): Promise<MadeBearer> {
  const { purpose, path, minimumLifetime = 0 } = bearer
  const named = { ...(purpose !== undefined && { purpose }), ...(path !== undefined && { path }) }
  try {
    const { token, expiry } = await make(bearer)
    refuseShort(entry, bearer, expiry.getTime() - Date.now())
    const leftSeconds = Math.round((expiry.getTime() - Date.now()) / 1_000)
    if (leftSeconds < bearer.minSeconds)
      log.warn(
        { ...named, leftSeconds, minSeconds: bearer.minSeconds },
        'the token issuer gives a bearer token less life than was asked for',
      )
    return {
      sealed: { ...named, token, expiry: timestamp(expiry) },
      renewAt: renewalTime(expiry.getTime(), bearer.minSeconds, Date.now(), minimumLifetime),
    }
  } catch (error) {
    if (signal.aborted || isBusError(error)) throw error
    const failed = failureOf(error, entry)
    log.warn({ ...named, code: failed.code }, `${failed.message} The rest is delivered.`)
    const { credds: _, ...why } = failed
    return {
      sealed: { ...named, failure: why },
      error,
      ...(error instanceof Permanent ? {} : { renewAt: Date.now() + retryMs }),
    }
  }
}

/** Its consumer would pass it over: whoever has to act hears of it, and what lies there stays until its own end. */
function refuseShort({ service }: Entry, { purpose, minimumLifetime = 0 }: Bearer, leftMs: number): void {
  if (leftMs >= minimumLifetime) return
  const whole = Math.max(0, Math.floor(leftMs / 1_000) * 1_000)
  throw failedWith(
    'bearer-life-refused',
    `The bearer token of ${service}${purpose === undefined ? '' : ` for ${purpose}`} lives ${formatDuration(whole)}, and its minimumLifetime is ${formatDuration(minimumLifetime)}: it is not delivered.`,
  )
}

/** With less life to use than this a bearer token is of no use: renewals are looked for once a minute (milliseconds). */
const uselessMs = 2 * 60_000

/**
 * With `minSeconds` left, or with half of the life that its consumer has of it now (all but `minimumMs`): whichever comes later.
 * One that is as good as over when it comes is tried again as a failure is. Milliseconds since the epoch. Pure.
 */
export function renewalTime(expiryMs: number, minSeconds: number, nowMs: number, minimumMs = 0): number {
  const usableMs = expiryMs - nowMs - minimumMs
  if (usableMs < uselessMs) return nowMs + retryMs
  return expiryMs - Math.min(minSeconds * 1_000, minimumMs + usableMs / 2)
}

function failureOf(error: unknown, { service }: Entry): Failure {
  if (isFailed(error)) return error.failure
  if (error instanceof RetryLater)
    return failure('rate-limited', `No bearer token for ${service}: Vault asks for a pause.`)
  return failure(
    'unexpected',
    `No bearer token for ${service}: an unexpected error, see the refresher’s log.`,
  )
}
