/** Tells what the bus did not do from what a handler did wrong. */
import { JetStreamApiError, JetStreamError } from '@nats-io/jetstream'
import { errors } from '@nats-io/nats-core'

const away = [
  errors.TimeoutError,
  errors.NoRespondersError,
  errors.RequestError,
  errors.ConnectionError,
  errors.ClosedConnectionError,
  errors.DrainingConnectionError,
]

/** True when NATS or JetStream did not answer, or has no leader or no such stream or bucket just now: it may later. */
export function isBusError(error: unknown): boolean {
  // A write that no stream took: its type is the client's own secret.
  if (error instanceof Error && error.name === 'JetStreamNotEnabled') return true
  if (error instanceof JetStreamApiError) return error.status === 503 || error.status === 404
  return error instanceof JetStreamError || away.some((kind) => error instanceof kind)
}
