/** Makes one push of each node of an entry out of `token.ready`, or of the last `token.stored` where pushes wait for that. */

import type { KV } from '@nats-io/kv'
import type { Outgoing, Work } from '../../shared/bus/publish.ts'
import { readValue } from '../../shared/bus/read-value.ts'
import { quote } from '../../shared/config/schema/grammar.ts'
import type { Site } from '../../shared/config/site.ts'
import { workEnvelope } from '../../shared/contracts/envelope.ts'
import { failedWith } from '../../shared/contracts/errors.ts'
import type { PushItem, TokenReady, TokenStored } from '../../shared/contracts/messages.ts'
import { pushSubject, storeSubject, streams } from '../../shared/contracts/subjects.ts'
import type { Received } from '../../shared/work/consume/handle-message.ts'
import { findEntry } from '../../shared/work/find-entry.ts'
import type { Revoked } from '../../shared/work/revoked.ts'
import { targetRecord } from '../../shared/work/target-record.ts'

export interface PlanDeps {
  readonly site: () => Site
  readonly targets: KV
  readonly revoked: Revoked
}

/** Handles `token.ready.<experiment>.<role>`. */
export async function planPushes(
  received: Received<TokenReady>,
  { site, revoked }: PlanDeps,
): Promise<readonly Outgoing[]> {
  const { body } = received
  if (await revoked.find(body.service, received)) return []
  const waitsForCredds = site().distributor.pushAfter === 'stored' && body.credds.length > 0
  return waitsForCredds ? [] : pushesOf(body, site())
}

/** Handles `token.stored.<experiment>.<role>` for sites with `pushAfter: stored`: the last credd releases the pushes. */
export async function planStored(
  received: Received<TokenStored>,
  { site, targets, revoked }: PlanDeps,
): Promise<readonly Outgoing[]> {
  const { body } = received
  if (await revoked.find(body.service, received)) return []
  if (site().distributor.pushAfter !== 'stored') return []
  mustAnswer(body.ready, body)
  for (const credd of body.ready.credds) {
    const { value: record } = await readValue(targets, storeSubject(body, credd), targetRecord)
    if (record?.ended?.run !== body.run || record.ended.kind !== 'done') return []
  }
  return pushesOf(body.ready, site())
}

/** The event that a `token.stored` answers is of the same run and entry. */
function mustAnswer(ready: TokenReady, { run, entry }: TokenStored): void {
  if (ready.run !== run || ready.entry !== entry)
    throw failedWith('entry-unknown', `What was stored for ${quote(entry)} answers another run or entry.`)
}

function pushesOf(ready: TokenReady, site: Site): Work[] {
  if (!ready.mode.push) return []
  return findEntry(site, ready).nodes.map((node) => pushOf(ready, node))
}

function pushOf(ready: TokenReady, node: string): Work {
  const { tokenId, expiry, key, revision, uid } = ready
  const body: PushItem = {
    ...workEnvelope(ready),
    ...{ tokenId, expiry, key, revision, node, ...(uid !== undefined && { uid }) },
  }
  return { kind: 'work', stream: streams.push, subject: pushSubject(ready, node), body }
}
