/** Removes from one node what was put there for one entry, whose service is revoked; answers with `token.removed`. */
import type { Outgoing } from '../../../shared/bus/publish.ts'
import { nodeFiles } from '../../../shared/config/resolve/node-files.ts'
import { opensByTicket } from '../../../shared/config/resolve/resolve.ts'
import type { Entry, Site } from '../../../shared/config/site.ts'
import { entryEnvelope } from '../../../shared/contracts/envelope.ts'
import { failedWith } from '../../../shared/contracts/errors.ts'
import type { PushRemoval, TokenRemoved } from '../../../shared/contracts/messages.ts'
import { pushSubject } from '../../../shared/contracts/subjects.ts'
import { vaultTokenFiles } from '../../../shared/contracts/token-files.ts'
import type { Received } from '../../../shared/work/consume/handle-message.ts'
import { knownEntry } from '../../../shared/work/find-entry.ts'
import type { Remembered } from '../../../shared/work/memory.ts'
import { neverGivingUp, oncePerTarget } from '../../../shared/work/once-per-target.ts'
import { entryFrom } from '../../../shared/work/remembered-entry.ts'
import { tokenFact } from '../../../shared/work/token-fact.ts'
import type { PushDeps } from '../deps.ts'
import { reachNode } from '../push-to-node.ts'
import type { Placed } from './placed.ts'
import { type PlacedPrint, type Removed, removeFiles } from './remove-files.ts'

/** Told at once; and soon again, for as long as it takes. */
export const retriesOfRemoval = (site: Site) => ({
  retry: { numRetries: 0, retrySleepMs: 0 },
  backoff: { firstMs: 1_000, longestMs: 0.8 * site.distributor.probePeriod },
})

/** Handles a removal on `push.<experiment>.<role>.<node>`. */
export async function handlePushRemoval(
  received: Received<PushRemoval>,
  deps: PushDeps,
): Promise<readonly Outgoing[]> {
  const item = received.body
  const site = deps.site()
  // Restored meanwhile: whatever lies there now may be new.
  if (!(await deps.revoked.find(item.service, received))) return []
  const key = pushSubject(item, item.node)
  return oncePerTarget(
    { key, run: item.run, entry: item.entry, target: item.node, ...retriesOfRemoval(site) },
    deps.targets,
    received,
    async ({ record }) => {
      const removed = await neverGivingUp(async () => {
        const place = placeOf(item, site, record.remembered, deps)
        return place ? removeFrom(place, item, site, received, deps) : nothing
      })
      const fact = tokenFact('removed', item, key, removedBody(item, removed))
      return { messages: [fact], expiry: null }
    },
  )
}

const nothing: Removed = { removed: [], left: [] }

/** Where to look for what. */
export interface RemovalPlace {
  readonly entry: Entry
  readonly node: string
  readonly uid: number
  readonly files: readonly PlacedPrint[]
}

/**
 * What is remembered, and the names that the configuration has for it; undefined where neither says that anything was ever put
 * there. Throws where the node is neither the entry's nor remembered.
 */
function placeOf(
  item: PushRemoval,
  site: Site,
  remembered: Remembered | undefined,
  { placed }: Pick<PushDeps, 'placed'>,
): RemovalPlace | undefined {
  const known = placed.read(pushSubject(item, item.node), remembered)
  const configured = knownEntry(site, item)
  const isHere = configured?.nodes.includes(item.node) ?? false
  if (!known && !isHere)
    throw failedWith(
      'entry-unknown',
      `Nothing is known of ${item.entry} on ${item.node}, nor how to get there.`,
    )
  const uid = known?.uid ?? configured?.desiredUid ?? item.uid
  if (uid === undefined) return undefined
  const entry =
    configured && (!known || configured.account === known.entry.account)
      ? configured
      : entryFrom(item, (known as Placed).entry)
  const names = configured && entry === configured ? namesFor(configured, uid) : []
  const files = new Map<string, readonly string[]>(names.map((path) => [path, []]))
  for (const { path, prints } of known?.files ?? []) files.set(path, prints)
  return { entry, node: item.node, uid, files: [...files].map(([path, prints]) => ({ path, prints })) }
}

const namesFor = (entry: Entry, uid: number): string[] => nodeFiles(entry, uid).map(({ path }) => path)

/** Throws as a push does. */
export function removeFrom(
  { entry, node, uid, files }: RemovalPlace,
  { run }: Pick<PushRemoval, 'run'>,
  site: Site,
  { signal, log }: Pick<Received<unknown>, 'signal' | 'log'>,
  deps: PushDeps,
): Promise<Removed> {
  const push = { entry, node, uid, files: [] }
  const rules = {
    matches: deps.placed.matches,
    isOwnName: (path: string) =>
      path === vaultTokenFiles(path.slice(0, path.lastIndexOf('/')), uid, entry.service)[1],
  }
  const { globalMs: minLifeMs, kerberosMs: timeoutMs } = site.timeouts
  const by = async (ccache?: string) => {
    const context = { site, run, ccache, signal }
    const removed = await reachNode(push, context, deps, (means) => removeFiles(push, means, files, rules))
    log.info({ service: entry.service, node, ...removed }, `revoked: removed ${entry.service} from ${node}`)
    return removed
  }
  const limits = { minLifeMs, timeoutMs, signal, run, purpose: `remove ${node}` }
  return opensByTicket(entry) ? deps.tickets.withTicket(entry, limits, by) : by()
}

function removedBody(item: PushRemoval, { removed, left }: Removed): TokenRemoved {
  return {
    ...entryEnvelope(item),
    ...{ stage: 'push', target: item.node },
    outcome: left.length > 0 ? 'left' : removed.length > 0 ? 'removed' : 'absent',
    ...(left.length > 0 && { warning: `Left alone on ${item.node}: ${left.join('; ')}.` }),
  }
}
