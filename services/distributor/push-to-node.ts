/** One push with what the daemon knows around it: is the node away, how many at once does it take, is a connection open. */
import type { Entry, Site } from '../../shared/config/site.ts'
import { codeOf, RetryLater } from '../../shared/contracts/errors.ts'
import type { ReasonCode } from '../../shared/contracts/reasons.ts'
import type { AskedUids } from './nodes/asked-uids.ts'
import { type CircuitBreaker, wayTo } from './nodes/circuit-breaker.ts'
import type { ConcurrencyLimits } from './nodes/concurrency-limit.ts'
import { timePush } from './nodes/push-timer.ts'
import { retriesOfPush } from './nodes/retries.ts'
import type { ControlMasters } from './ssh/control-master.ts'
import { explainRefusal } from './ssh/explain-refusal.ts'
import { NodeFailure } from './ssh/ssh-failure.ts'
import type { PlacedFile, PushMeans, PushTarget } from './transport/push.ts'
import { transportOf } from './transport/transport.ts'

export interface PushToNodeDeps {
  readonly breaker: CircuitBreaker
  readonly limits: ConcurrencyLimits
  readonly masters: ControlMasters
  readonly askedUids: AskedUids
  /** A private directory for files on their way. */
  readonly staging: string
}

/** What is to be pushed. */
export interface PushWish {
  readonly entry: Entry
  readonly node: string
  /** Absent: the node is asked. */
  readonly uid?: number | undefined
  readonly filesFor: (uid: number) => readonly PlacedFile[]
  /** Right before they are put there. */
  readonly beforePlacing?: (uid: number, files: readonly PlacedFile[]) => Promise<void>
}

export interface Pushed {
  readonly files: readonly PlacedFile[]
  /** About optional files. */
  readonly warning?: string | undefined
}

/** What a push belongs to. */
export interface PushContext {
  readonly site: Site
  readonly run: string
  /** The file with the entry's own ticket; absent where a key opens the node. */
  readonly ccache?: string | undefined
  readonly signal: AbortSignal
}

/** After these an open connection is not to be trusted. */
const brokenCodes: ReadonlySet<ReasonCode | undefined> = new Set([
  'push-timeout',
  'connection-lost',
  'node-unreachable',
])

/**
 * Puts the files on the node. Throws as transports do, and RetryLater
 * where the node is away, or where sshd had too many connections: that is no failure before it goes on and on.
 */
export const pushToNode = (push: PushWish, context: PushContext, deps: PushToNodeDeps): Promise<Pushed> =>
  reachNode(push, context, deps, (means) =>
    timePush(push.entry, { node: push.node, run: context.run }, () => placeIts(push, means, deps)),
  )

/** The same of whatever else is to be done there. Returns what `act` returns. */
export async function reachNode<T>(
  target: PushTarget,
  { site, run, ccache, signal }: PushContext,
  deps: PushToNodeDeps,
  act: (means: PushMeans) => Promise<T>,
): Promise<T> {
  const { breaker, limits } = deps
  const at = { push: target, run, policy: retriesOfPush(site), signal }
  try {
    const result = await breaker.attempt(at, () => withMeans(target, site, { ccache, signal }, deps, act))
    limits.answered(target.node)
    return result
  } catch (error) {
    if (codeOf(error) !== 'connection-dropped') throw error
    const delayMs = limits.dropped(target.node)
    throw delayMs === undefined ? error : new RetryLater(delayMs)
  }
}

async function placeIts(
  push: PushWish,
  means: PushMeans,
  { askedUids }: Pick<PushToNodeDeps, 'askedUids'>,
): Promise<Pushed> {
  const { entry, node } = push
  const { place, askUid } = transportOf(entry)
  const placeAs = async (uid: number): Promise<Pushed> => {
    const files = push.filesFor(uid)
    await push.beforePlacing?.(uid, files)
    return { files, warning: await place({ entry, node, uid, files }, means) }
  }
  if (push.uid !== undefined) return await placeAs(push.uid)
  const who = JSON.stringify([wayTo(push), entry.account])
  return await askedUids.use(who, () => askUid(push, means), placeAs, isWrongOwner)
}

async function withMeans<T>(
  push: PushTarget,
  { distributor, timeouts }: Site,
  { ccache, signal }: Pick<PushContext, 'ccache' | 'signal'>,
  { masters, staging }: PushToNodeDeps,
  act: (means: PushMeans) => Promise<T>,
): Promise<T> {
  const { entry, node } = push
  const { ssh, rsync } = distributor
  const control = entry.transport === 'local' ? undefined : masters.socketOf(entry, node, distributor)
  const means: PushMeans = {
    ...{ ssh, rsync, ccache, staging, signal, timeoutMs: timeouts.pushMs },
    connectMs: connectMs(timeouts),
    ...(control ? { control } : {}),
  }
  try {
    return await act(means)
  } catch (error) {
    const code = codeOf(error)
    if (control && brokenCodes.has(code)) await masters.close(control, ssh)
    if (code !== 'kerberos-refused' || !(error instanceof NodeFailure) || ccache === undefined) throw error
    throw await explainRefusal(push, means, error)
  }
}

const isWrongOwner = (error: unknown) => codeOf(error) === 'wrong-owner'

/** For each address of a node: one that is dead leaves half of a push's time to the next. Pure. */
export const connectMs = ({ pingMs, pushMs }: Pick<Site['timeouts'], 'pingMs' | 'pushMs'>): number =>
  Math.min(pingMs, pushMs / 2)
