/** Publishes what handlers return: facts once per message id, work items only forward (a newer run is never replaced). */
import type { StoredMsg } from '@nats-io/jetstream'
import { headers, type MsgHdrs } from '@nats-io/nats-core'
import { context, propagation } from '@opentelemetry/api'
import type { Bus } from './bus.ts'
import { attempt } from './compare-and-set.ts'
import type { StreamName } from './subjects.ts'

/** A fact or a message to a person: `id` is deterministic, so that a repeat inside the stream's window is dropped. */
export interface Fact {
  readonly kind: 'fact'
  readonly subject: string
  readonly id: string
  readonly body: object
}

/** A work item: at most one a subject waits, and only the newest run's. */
export interface Work {
  readonly kind: 'work'
  readonly stream: StreamName
  readonly subject: string
  readonly body: { readonly run: string }
}

export type Outgoing = Fact | Work

/** Publishes and waits for the server's word that the message is stored. Throws what the client throws. */
export async function publish(bus: Bus, message: Outgoing): Promise<void> {
  if (message.kind === 'fact') {
    await bus.js.publish(message.subject, JSON.stringify(message.body), {
      msgID: message.id,
      headers: traceHeaders(),
    })
    return
  }
  for (;;) {
    const waiting = await bus.lastMessage(message.stream, message.subject)
    if (waiting && !replaces(message.body.run, runOf(waiting))) return
    const expect = { lastSubjectSequence: waiting?.seq ?? 0 }
    const options = { headers: traceHeaders(), expect }
    if (await attempt(() => bus.js.publish(message.subject, JSON.stringify(message.body), options))) return
  }
}

/** Work items on their way at the same time. */
const atOnce = 64

/** Publishes all of them: facts one after the other, work items, which do not depend on each other, many at a time. */
export async function publishAll(bus: Bus, messages: readonly Outgoing[]): Promise<void> {
  for (const message of messages) if (message.kind === 'fact') await publish(bus, message)
  const items = messages.filter(({ kind }) => kind === 'work').values()
  const publishOn = async () => {
    for (const item of items) await publish(bus, item)
  }
  const outcomes = await Promise.allSettled(Array.from({ length: atOnce }, publishOn))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

/** The run of a waiting item; undefined where it cannot be read, so that it does not stand in the way for ever. */
function runOf(waiting: StoredMsg): string | undefined {
  try {
    const run: unknown = waiting.json<{ run?: unknown } | null>()?.run
    return typeof run === 'string' ? run : undefined
  } catch {
    return undefined
  }
}

/** Only a newer run replaces a waiting item: the same run's item is already there. */
export function replaces(run: string, waitingRun: string | undefined): boolean {
  return waitingRun === undefined || run > waitingRun
}

/** The current trace as W3C headers, in lower case as the standard writes them. */
function traceHeaders(): MsgHdrs {
  const carrier: Record<string, string> = {}
  propagation.inject(context.active(), carrier)
  const hdrs = headers()
  for (const [key, value] of Object.entries(carrier)) hdrs.set(key, value)
  return hdrs
}
