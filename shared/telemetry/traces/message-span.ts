/** One span per message, continuing the trace that came in its headers (OpenTelemetry's messaging conventions). */
import type { JsMsg } from '@nats-io/jetstream'
import { type Context, context, propagation, type Span, SpanKind, trace } from '@opentelemetry/api'
import { type ConsumerName, subjectTemplate } from '../../contracts/subjects.ts'

/** Runs `work` inside the message's span, which ends with it. */
export async function inMessageSpan(
  consumer: ConsumerName,
  message: JsMsg,
  run: string | undefined,
  work: (span: Span) => Promise<void>,
): Promise<void> {
  const parent = parentOf(message)
  const span = startSpan(consumer, message, run, parent)
  await context.with(trace.setSpan(parent, span), () => work(span)).finally(() => span.end())
}

function parentOf(message: JsMsg): Context {
  return propagation.extract(context.active(), message.headers, {
    keys: (carrier) => carrier?.keys() ?? [],
    get: (carrier, key) => carrier?.get(key),
  })
}

function startSpan(consumer: ConsumerName, message: JsMsg, run: string | undefined, parent: Context): Span {
  const template = subjectTemplate(message.subject)
  const attributes = {
    'messaging.system': 'nats',
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': message.subject,
    'messaging.destination.template': template,
    'messaging.consumer.group.name': consumer,
    'messaging.message.id': `${message.info.stream}/${message.seq}`,
    'messaging.message.body.size': message.data.length,
    ...(run ? { 'messaging.message.conversation_id': run } : {}),
  }
  return trace
    .getTracer('managed-tokens')
    .startSpan(`process ${template}`, { kind: SpanKind.CONSUMER, attributes }, parent)
}
