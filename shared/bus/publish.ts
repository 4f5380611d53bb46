/** Publishes what handlers return: facts once per message id, work items only forward (a newer run is never replaced). */
import { headers, type MsgHdrs } from '@nats-io/nats-core'
import { context, propagation, trace } from '@opentelemetry/api'
import { type RunMode, runMode } from '../contracts/messages.ts'
import { type StreamName, subjectTemplate } from '../contracts/subjects.ts'
import { isWeaker } from '../contracts/weaker-run.ts'
import { z } from '../contracts/zod.ts'
import { inSpanAbout, type KeptRef } from '../telemetry/traces/run-span.ts'
import { attempt } from './compare-and-set.ts'
import type { Bus } from './connect.ts'
import { inParallel } from './in-parallel.ts'
import { readMessage } from './parse-message.ts'

/** A fact or a message to a person: `id` is deterministic, so that a repeat inside the stream's window is dropped. */
export interface Fact {
  readonly kind: 'fact'
  readonly subject: string
  readonly id: string
  readonly body: object
  /** The run's place in its trace, for what is published outside of any message. */
  readonly about?: KeptRef
}

/** What decides between two work items for the same target. */
interface WorkBody {
  readonly run: string
  readonly mode?: RunMode | undefined
}

/** A work item: at most one a subject waits, and only the newest run's, unless that does less. */
export interface Work {
  readonly kind: 'work'
  readonly stream: StreamName
  readonly subject: string
  readonly body: WorkBody
}

export type Outgoing = Fact | Work

/** Publishes and waits for the server's word that the message is stored. Throws what the client throws. */
export async function publish(bus: Bus, message: Outgoing): Promise<void> {
  if (message.kind === 'fact') {
    const send = () =>
      bus.js.publish(message.subject, JSON.stringify(message.body), {
        msgID: message.id,
        headers: traceHeaders(),
      })
    if (message.about && !trace.getActiveSpan())
      await inSpanAbout(`publish ${subjectTemplate(message.subject)}`, [message.about], send)
    else await send()
    return
  }
  for (;;) {
    const waiting = await bus.lastMessage(message.stream, message.subject)
    // What cannot be read must not stand in the way for ever.
    if (waiting && !replaces(message.body, readMessage(workBody, waiting.data))) return
    const expect = { lastSubjectSequence: waiting?.seq ?? 0 }
    const options = { headers: traceHeaders(), expect }
    if (await attempt(() => bus.js.publish(message.subject, JSON.stringify(message.body), options))) return
  }
}

/** Publishes all of them: facts one after the other, work items, which do not depend on each other, many at a time. */
export async function publishAll(bus: Bus, messages: readonly Outgoing[]): Promise<void> {
  for (const message of messages) if (message.kind === 'fact') await publish(bus, message)
  const items = messages.filter(({ kind }) => kind === 'work')
  await inParallel(items, (item) => publish(bus, item))
}

const workBody = z.object({ run: z.string(), mode: runMode.optional().catch(undefined) })

/**
 * Only a newer run replaces a waiting item: the same run's item is already there. A run that does less leaves a fuller run's
 * item where it is, or its nodes would get nothing until the next full run.
 */
export function replaces(item: WorkBody, waiting: WorkBody | undefined): boolean {
  if (!waiting) return true
  if (item.run <= waiting.run) return false
  return !(item.mode && waiting.mode && isWeaker(item.mode, waiting.mode))
}

/** The current trace as W3C headers, in lower case as the standard writes them. */
function traceHeaders(): MsgHdrs {
  const carrier: Record<string, string> = {}
  propagation.inject(context.active(), carrier)
  const hdrs = headers()
  for (const [key, value] of Object.entries(carrier)) hdrs.set(key, value)
  return hdrs
}
