/** Makes one store of each credd of an entry out of `token.ready`. */
import type { Site } from '../../shared/config/site.ts'
import type { Received } from '../../shared/consume.ts'
import { findEntry } from '../../shared/find-entry.ts'
import { type StoreItem, schemaVersion, type TokenReady, timestamp } from '../../shared/messages.ts'
import type { Outgoing, Work } from '../../shared/publish.ts'
import { storeSubject, streams } from '../../shared/subjects.ts'

/** Handles `token.ready.<experiment>.<role>`. Where our configuration names the credds, no other is believed. */
export async function planReady(
  { body }: Received<TokenReady>,
  site: () => Site,
): Promise<readonly Outgoing[]> {
  const { credds } = findEntry(site(), body.entry)
  return body.credds.filter((credd) => !credds || credds.includes(credd)).map((credd) => storeOf(body, credd))
}

function storeOf(ready: TokenReady, credd: string): Work {
  const { run, entry, service, experiment, role, mode, deadline } = ready
  const body: StoreItem = {
    schema: schemaVersion,
    at: timestamp(),
    ...{ run, entry, service, experiment, role, mode, deadline, credd, ready },
  }
  return { kind: 'work', stream: streams.store, subject: storeSubject(ready, credd), body }
}
