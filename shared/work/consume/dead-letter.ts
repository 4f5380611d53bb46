/** What is kept of a message that could not be handled. */
import type { JsMsg } from '@nats-io/jetstream'
import type { Bus } from '../../bus/connect.ts'
import { publish } from '../../bus/publish.ts'
import { envelope } from '../../contracts/envelope.ts'
import type { DeadLetter } from '../../contracts/messages.ts'
import { type ConsumerName, deadSubject, type StreamName } from '../../contracts/subjects.ts'
import { deadLettersTotal } from '../../telemetry/metrics/metrics.ts'

/** Bytes of a body that are kept. */
const keptBody = 4_096

/** Keeps `message` as a dead letter: one, however often this is asked for. Throws what the client throws. */
export async function publishDeadLetter(
  bus: Bus,
  { stream, consumer }: { readonly stream: StreamName; readonly consumer: ConsumerName },
  message: JsMsg,
  reason: string,
): Promise<void> {
  const body: DeadLetter = {
    ...envelope(),
    reason,
    subject: message.subject,
    sequence: message.seq,
    body: Buffer.from(message.data.subarray(0, keptBody)).toString('utf8'),
  }
  const id = `dead.${stream}.${consumer}.${message.seq}.${message.timestampNanos}`
  await publish(bus, { kind: 'fact', subject: deadSubject(stream, consumer), id, body })
  deadLettersTotal.inc()
}
