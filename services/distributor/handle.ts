/** Pushes one entry's token to one node: opens the seal, compares it with what was asked for, pushes; answers with `token.pushed`. */

import type { KV } from '@nats-io/kv'
import type { Fact, Outgoing } from '../../shared/bus/publish.ts'
import { opensByTicket } from '../../shared/config/resolve/resolve.ts'
import type { Entry, Site } from '../../shared/config/site.ts'
import { entryEnvelope } from '../../shared/contracts/envelope.ts'
import { Permanent } from '../../shared/contracts/errors.ts'
import type { PushItem } from '../../shared/contracts/messages.ts'
import { pushSubject } from '../../shared/contracts/subjects.ts'
import type { Tickets } from '../../shared/kerberos/kinit.ts'
import { describeTokens } from '../../shared/tokens/describe-tokens.ts'
import type { SealedContent } from '../../shared/tokens/seal.ts'
import type { Received } from '../../shared/work/consume/handle-message.ts'
import { findEntry, mustBeNode } from '../../shared/work/find-entry.ts'
import { type Acted, oncePerTarget } from '../../shared/work/once-per-target.ts'
import { tokenFact } from '../../shared/work/token-fact.ts'
import { retriesOfPush } from './nodes/retries.ts'
import { type PushToNodeDeps, pushToNode } from './push-to-node.ts'
import { deliveryOf } from './token/delivery.ts'
import { filesFor } from './token/files.ts'
import { openToken } from './token/open-token.ts'
import type { Unsealing } from './token/unsealing.ts'
import type { PlacedFile } from './transport/push.ts'

export interface PushDeps extends PushToNodeDeps {
  readonly site: () => Site
  readonly targets: KV
  readonly sealed: KV
  readonly tickets: Tickets
  /** Opens what the refresher sealed. */
  readonly unseal: Unsealing
}

/** Handles `push.<experiment>.<role>.<node>`. */
export async function handlePush(received: Received<PushItem>, deps: PushDeps): Promise<readonly Outgoing[]> {
  const item = received.body
  const site = deps.site()
  const entry = findEntry(site, item)
  mustBeNode(item.node, entry, site)
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
    () => push(item, entry, site, received, deps),
  )
}

async function push(
  item: PushItem,
  entry: Entry,
  site: Site,
  received: Received<PushItem>,
  deps: PushDeps,
): Promise<Acted> {
  const content = await openToken(item, entry, deps, received)
  const delivery = deliveryOf(entry, content, Date.now())
  const { globalMs: minLifeMs, kerberosMs: timeoutMs } = site.timeouts
  const { signal } = received
  const limits = { minLifeMs, timeoutMs, signal, run: item.run, purpose: item.node }
  const pushBy = (ccache?: string) =>
    pushToNode(
      { entry, node: item.node, uid: item.uid, filesFor: (uid) => filesFor(entry, uid, delivery) },
      { site, run: item.run, ccache, signal },
      deps,
    )
  // A refused ticket leaves no connection open: the second push makes its own.
  const { files, warning } = opensByTicket(entry)
    ? await deps.tickets.withTicket(entry, limits, (ccache) => pushBy(ccache))
    : await pushBy()
  logPushed(received.log, item, files, content)
  if (delivery.lacking) throw new Permanent(delivery.lacking)
  return { messages: [pushedEvent(item, entry, content, warning)], expiry: content.expiry }
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
