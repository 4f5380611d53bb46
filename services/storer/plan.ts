/** Makes one store of each credd of an entry out of `token.ready`. */

import type { Outgoing, Work } from '../../shared/bus/publish.ts'
import type { Site } from '../../shared/config/site.ts'
import { workEnvelope } from '../../shared/contracts/envelope.ts'
import type { StoreItem, TokenReady } from '../../shared/contracts/messages.ts'
import { storeSubject, streams } from '../../shared/contracts/subjects.ts'
import type { Received } from '../../shared/work/consume/handle-message.ts'
import { findEntry } from '../../shared/work/find-entry.ts'

/** When the token ends that a target holds, as far as is known. `key` is the target's in the bucket `targets`. */
export type ReadExpiry = (key: string) => Promise<string | undefined>

/** Handles `token.ready.<experiment>.<role>`. Where our configuration names the credds, no other is believed. */
export async function planStores(
  { body }: Pick<Received<TokenReady>, 'body'>,
  site: () => Site,
  readExpiry: ReadExpiry = async () => undefined,
): Promise<readonly Outgoing[]> {
  const { credds } = findEntry(site(), body)
  const wanted = body.credds.filter((credd) => !credds || credds.includes(credd))
  return Promise.all(
    wanted.map(async (credd) => storeOf(body, credd, await readExpiry(storeSubject(body, credd)))),
  )
}

function storeOf(ready: TokenReady, credd: string, storedUntil: string | undefined): Work {
  const body: StoreItem = {
    ...workEnvelope(ready),
    ...{ credd, ready },
    ...(storedUntil ? { storedUntil } : {}),
  }
  return { kind: 'work', stream: streams.store, subject: storeSubject(ready, credd), body }
}
