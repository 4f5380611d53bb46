/** Pushes one entry's token to one node: opens the seal, compares it with what was asked for, pushes; answers with `token.pushed`. */

import { patiently } from '../../shared/bus/patiently.ts'
import type { Fact, Outgoing } from '../../shared/bus/publish.ts'
import { opensByTicket } from '../../shared/config/resolve/resolve.ts'
import type { Entry, Site } from '../../shared/config/site.ts'
import { entryEnvelope } from '../../shared/contracts/envelope.ts'
import { Permanent } from '../../shared/contracts/errors.ts'
import type { PushItem } from '../../shared/contracts/messages.ts'
import { pushSubject } from '../../shared/contracts/subjects.ts'
import { describeTokens } from '../../shared/tokens/describe-tokens.ts'
import type { SealedContent } from '../../shared/tokens/seal.ts'
import type { Claim } from '../../shared/work/claim.ts'
import type { Received } from '../../shared/work/consume/handle-message.ts'
import { findEntry, mustBeNode } from '../../shared/work/find-entry.ts'
import { type Acted, oncePerTarget } from '../../shared/work/once-per-target.ts'
import { tokenFact } from '../../shared/work/token-fact.ts'
import type { PushDeps } from './deps.ts'
import { retriesOfPush } from './nodes/retries.ts'
import { pushToNode } from './push-to-node.ts'
import { type RemovalPlace, removeFrom } from './removal/handle.ts'
import { deliveryOf } from './token/delivery.ts'
import { filesFor } from './token/files.ts'
import { openToken } from './token/open-token.ts'
import type { PlacedFile, Push } from './transport/push.ts'

/** Handles `push.<experiment>.<role>.<node>`. */
export async function handlePush(received: Received<PushItem>, deps: PushDeps): Promise<readonly Outgoing[]> {
  const item = received.body
  const site = deps.site()
  const entry = findEntry(site, item)
  mustBeNode(item.node, entry, site)
  if (await deps.revoked.find(entry.service, received)) return dropped(received)
  return oncePerTarget(
    {
      key: pushSubject(item, item.node),
      run: item.run,
      entry: item.entry,
      target: item.node,
      ...retriesOfPush(site),
    },
    deps.targets,
    received,
    (claim) => push(item, entry, site, claim, received, deps),
  )
}

/** The run that takes it away tells how the target ended. */
function dropped({ log, body }: Pick<Received<PushItem>, 'log' | 'body'>): readonly Outgoing[] {
  log.info({ service: body.service }, 'dropped: the service is revoked')
  return []
}

async function push(
  item: PushItem,
  entry: Entry,
  site: Site,
  claim: Claim,
  received: Received<PushItem>,
  deps: PushDeps,
): Promise<Acted> {
  const content = await openToken(item, entry, deps, received)
  const delivery = deliveryOf(entry, content, Date.now())
  const { globalMs: minLifeMs, kerberosMs: timeoutMs } = site.timeouts
  const { signal } = received
  const limits = { minLifeMs, timeoutMs, signal, run: item.run, purpose: item.node }
  let place: RemovalPlace | undefined
  const beforePlacing = async (uid: number, files: readonly PlacedFile[]) => {
    place = await rememberPlace({ entry, node: item.node, uid, files }, item, claim, received, deps)
    // The last moment at which it costs nothing.
    await deps.revoked.mustNotBe(entry.service, received)
  }
  const pushBy = (ccache?: string) =>
    pushToNode(
      {
        entry,
        node: item.node,
        uid: item.uid,
        filesFor: (uid) => filesFor(entry, uid, delivery),
        beforePlacing,
      },
      { site, run: item.run, ccache, signal },
      deps,
    )
  // However it ended: what has come there since is taken away again.
  const undo = () => removeIfRevoked(place, item, site, received, deps)
  // A refused ticket leaves no connection open: the second push makes its own.
  const pushed = opensByTicket(entry)
    ? deps.tickets.withTicket(entry, limits, (ccache) => pushBy(ccache))
    : pushBy()
  const { files, warning } = await pushed.catch(async (error: unknown) => {
    await undo()
    throw error
  })
  if (await undo()) await deps.revoked.mustNotBe(entry.service, received)
  logPushed(received.log, item, files, content)
  if (delivery.lacking) throw new Permanent(delivery.lacking)
  return { messages: [pushedEvent(item, entry, content, warning)], expiry: content.expiry }
}

/** Returns whether it was. */
async function removeIfRevoked(
  place: RemovalPlace | undefined,
  item: PushItem,
  site: Site,
  received: Received<PushItem>,
  deps: PushDeps,
): Promise<boolean> {
  if (!place || !(await deps.revoked.find(place.entry.service, received))) return false
  await removeFrom(place, item, site, received, deps)
  return true
}

/** Before anything is put there: whoever has to remove it must know of it. */
async function rememberPlace(
  push: Push,
  item: PushItem,
  claim: Claim,
  received: Received<PushItem>,
  { placed }: PushDeps,
): Promise<RemovalPlace> {
  const key = pushSubject(item, item.node)
  const { remembered: before } = claim.record
  const remembered = placed.write(key, before, push)
  if (remembered !== before) await patiently(() => claim.change({ remembered }), received)
  return { ...push, files: placed.read(key, remembered)?.files ?? [] }
}

/** The line that people look for: what lies where, and until when. */
function logPushed(
  log: Received<PushItem>['log'],
  { service, node }: Pick<PushItem, 'service' | 'node'>,
  files: readonly PlacedFile[],
  { expiry }: Pick<SealedContent, 'expiry'>,
): void {
  const paths = files.map(({ path }) => path)
  const lifeSeconds = Math.round((Date.parse(expiry) - Date.now()) / 1_000)
  log.info(
    { service, node, files: paths, expiry, lifeSeconds },
    `pushed ${service} to ${node}: ${paths.join(' ')}, good until ${expiry}`,
  )
}

function pushedEvent(
  item: PushItem,
  entry: Entry,
  content: SealedContent,
  warning: string | undefined,
): Fact {
  const { tokenId, expiry } = content
  return tokenFact('pushed', item, pushSubject(item, item.node), {
    ...entryEnvelope(item),
    ...{ node: item.node, tokenId, expiry, tokens: describeTokens(entry, content) },
    ...(warning ? { warning } : {}),
  })
}
