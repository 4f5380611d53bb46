/** The root of a trace: everything else hangs below the messages that are published in it. */
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'

/** Runs `work` in a span without a parent; `run` is what ties its messages together. */
export async function inRootSpan<T>(name: string, run: string, work: () => Promise<T>): Promise<T> {
  const span = trace.getTracer('managed-tokens').startSpan(name, {
    root: true,
    kind: SpanKind.PRODUCER,
    attributes: { 'messaging.system': 'nats', 'messaging.message.conversation_id': run },
  })
  try {
    return await context.with(trace.setSpan(context.active(), span), work)
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR })
    throw error
  } finally {
    span.end()
  }
}
