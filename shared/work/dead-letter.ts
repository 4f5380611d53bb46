/** What is kept of a message that could not be handled. */

import type { JsMsg } from '@nats-io/jetstream'
import type { Fact } from '../bus/publish.ts'
import { envelope } from '../contracts/envelope.ts'
import type { DeadLetter } from '../contracts/messages.ts'
import { type ConsumerName, deadSubject, type StreamName } from '../contracts/subjects.ts'

/** Bytes of a body that are kept. */
const keptBody = 4_096

/** The dead letter of `message`, the same however often it is made. */
export function deadLetterOf(
  { stream, consumer }: { stream: StreamName; consumer: ConsumerName },
  message: JsMsg,
  reason: string,
): Fact {
  const body: DeadLetter = {
    ...envelope(),
    reason,
    subject: message.subject,
    sequence: message.seq,
    body: Buffer.from(message.data.subarray(0, keptBody)).toString('utf8'),
  }
  const id = `dead.${stream}.${consumer}.${message.seq}.${message.timestampNanos}`
  return { kind: 'fact', subject: deadSubject(stream, consumer), id, body }
}
