/** Tries every subject with one key, and says what the server let through. */
import { PermissionViolationError } from '@nats-io/nats-core'
import type { Bus } from '../../../shared/bus/connect.ts'

/** Nobody may publish here. */
const last = 'nobody.may.publish.here'

/** Publishes on each; those that are let through. The answers, if any, are the asker's own. */
export async function walkPublishing({ nc }: Bus, subjects: readonly string[]): Promise<string[]> {
  const refused = new Set<string>()
  for (const subject of [...subjects, last]) nc.publish(subject, '-')
  // The server refuses in the order in which it was asked.
  for await (const one of nc.status()) {
    if (one.type !== 'error' || !(one.error instanceof PermissionViolationError)) continue
    refused.add(one.error.subject)
    if (one.error.subject === last) break
  }
  return subjects.filter((subject) => !refused.has(subject))
}

/** Subscribes to each; those that are let through. */
export async function walkSubscribing({ nc }: Bus, subjects: readonly string[]): Promise<string[]> {
  const refused = new Set<string>()
  const subscriptions = subjects.map((subject) =>
    nc.subscribe(subject, { callback: (error) => void (error && refused.add(subject)) }),
  )
  await nc.flush()
  for (const one of subscriptions) one.unsubscribe()
  return subjects.filter((subject) => !refused.has(subject))
}
