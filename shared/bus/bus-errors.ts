/** Tells what the bus did not do from what a handler did wrong, whatever class it comes in and however it is wrapped. */
import { JetStreamApiError, JetStreamError } from '@nats-io/jetstream'
import { errors, PermissionViolationError } from '@nats-io/nats-core'

const away = [
  errors.TimeoutError,
  errors.NoRespondersError,
  errors.RequestError,
  errors.ConnectionError,
  errors.ProtocolError,
  errors.AuthorizationError,
  errors.UserAuthenticationExpiredError,
  JetStreamError,
]

/** Ours to close: asked again, it gives the same answer. */
const ended = [errors.ClosedConnectionError, errors.DrainingConnectionError]

/** And so does a server that refuses this user what it asks. */
const final = [...ended, PermissionViolationError]

/** Answers of JetStream that are about the bus: no leader, no room, too busy, or a stream or bucket that is gone just now. */
const isBusStatus = (status: number) => status >= 500 || [404, 408, 429].includes(status)

/** Too few servers for the copies that are wanted, as on a cluster that is starting: JetStream calls that a bad request (400). */
const noSuitablePeers = 10_005

/** True when NATS or JetStream did not do what it was asked for and may do so later: never the fault of what was worked on. */
export function isBusError(error: unknown): boolean {
  return chainOf(error).some((one) => isAway(one) || isOneOf(ended, one))
}

/** What people are told who have asked for something meanwhile. */
export const busNotReady =
  'NATS is there, but JetStream on it does not answer now: try again in a moment. "managed-tokens doctor" says how the bus is.'

/** True where asking again may help: the connection is there, or will be again. */
export function mayAnswerLater(error: unknown): boolean {
  const chain = chainOf(error)
  return chain.some(isAway) && !chain.some((one) => isOneOf(final, one) || isOfClosed(one))
}

function isAway(error: unknown): boolean {
  if (error instanceof JetStreamApiError) return isBusStatus(error.status) || error.code === noSuitablePeers
  // A write that no stream took: its type is the client's own secret.
  if (error instanceof Error && error.name === 'JetStreamNotEnabled') return true
  return isOneOf(away, error)
}

/** Questions that were open when the connection was closed. */
const isOfClosed = (error: unknown) =>
  error instanceof errors.RequestError && error.message === 'connection closed'

const isOneOf = (kinds: readonly (abstract new (...args: never[]) => Error)[], error: unknown) =>
  kinds.some((kind) => error instanceof kind)

/** Deep enough for any error that means something. */
const deepest = 10

/** An error, what caused it, and what several failed of. */
function chainOf(error: unknown, depth = deepest): unknown[] {
  if (!(error instanceof Error) || depth === 0) return []
  const causes = error instanceof AggregateError ? [error.cause, ...error.errors] : [error.cause]
  return [error, ...causes.flatMap((cause) => chainOf(cause, depth - 1))]
}
