/** Compare-and-set on the bus: telling a lost race from a real error. */
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream'

/** True when a write expected another last sequence than the server has. */
export function isWrongLastSequence(error: unknown): boolean {
  return (
    error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.StreamWrongLastSequence ||
      error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)
  )
}

/** Tries a conditional write: the new revision, or undefined when somebody else was faster. */
export async function attempt<T>(write: () => Promise<T>): Promise<T | undefined> {
  try {
    return await write()
  } catch (error) {
    if (isWrongLastSequence(error)) return undefined
    throw error
  }
}
