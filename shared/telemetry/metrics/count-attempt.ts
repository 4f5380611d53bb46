/** Says of an attempt how it ended: in the metrics, and on the span of the message it was made for. */
import { SpanStatusCode, trace } from '@opentelemetry/api'
import type { ReasonCode } from '../../contracts/reasons.ts'
import { outcomesTotal } from './metrics.ts'

/** `stage` is `refresh`, `store`, `push` or `notify`. A failure that may pass is one all the same. */
export function countAttempt(stage: string, code: ReasonCode | 'ok'): void {
  outcomesTotal.inc({ stage, code })
  if (code === 'ok') return
  const span = trace.getActiveSpan()
  span?.setStatus({ code: SpanStatusCode.ERROR, message: code })
  span?.setAttribute('error.type', code)
}
