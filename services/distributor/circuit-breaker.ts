/**
 * Keeps nodes that do not answer from costing the others anything. Nobody is asked who answers, there is no barrier: a
 * push lends its slot while its connection is not taken, and a node that failed is asked by a probe before the next one.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Entry } from '../../shared/config/site.ts'
import type { Received } from '../../shared/consume.ts'
import { Permanent, RetryLater, Transient } from '../../shared/errors.ts'
import type { ReasonCode } from '../../shared/reasons.ts'
import type { AskNode } from './ask-node.ts'
import type { IsConnecting } from './connecting.ts'
import { nodeError } from './ssh-failure.ts'

/** All in milliseconds. */
export interface ReachTiming {
  /** When a push is looked at first; the next looks come after twice as long, up to `lookMs`. */
  readonly firstLookMs: number
  readonly lookMs: number
}

const defaults: ReachTiming = { firstLookMs: 50, lookMs: 1_000 }

export interface ReachMeans {
  readonly askNode: AskNode
  readonly isConnecting: IsConnecting
}

export interface Reach {
  /**
   * Runs `push`, which is aborted when nobody takes its connection for `pingMs`, and a probe's neither. Throws Transient with
   * the probe's reason, or RetryLater when a node that was away has come back.
   */
  attempt<T>(at: At, push: (signal: AbortSignal) => Promise<T>, waiter: Waiter): Promise<T>
}

interface At {
  readonly entry: Entry
  readonly node: string
  /** How long a node may take to answer. */
  readonly pingMs: number
}
type Waiter = Pick<Received<unknown>, 'signal' | 'lendSlot'>

/** After these a node is asked before it gets another push. */
const awayCodes: ReadonlySet<ReasonCode> = new Set([
  'node-unreachable',
  'node-unknown',
  'connection-refused',
  'push-timeout',
])

export function openReach(means: ReachMeans, timing: Partial<ReachTiming> = {}): Reach {
  const { firstLookMs, lookMs } = { ...defaults, ...timing }
  const away = new Set<string>()

  /** Whoever waits for a node that is away has no slot, and so gets in line again when it is back. */
  async function awaitReturn({ entry, node, pingMs }: At, { lendSlot }: Waiter): Promise<never> {
    lendSlot()
    const code = await means.askNode(entry, node, pingMs)
    if (code) throw nodeError({ entry, node }, code)
    away.delete(node)
    throw new RetryLater(1)
  }

  /**
   * Looks at a push until it is over. Ends early when nobody has taken its connection for `pingMs`, unless a probe is
   * answered: then the name has another address, and ssh comes to it by itself.
   */
  async function untilLost({ entry, node, pingMs }: At, lendSlot: () => void, over: AbortSignal) {
    let since: number | undefined
    let answer: ReturnType<AskNode> | undefined
    for (let waitMs = firstLookMs; ; waitMs = Math.min(lookMs, 2 * waitMs)) {
      await sleep(waitMs, undefined, { signal: over })
      if (!(await means.isConnecting(entry, node))) {
        since = undefined
        answer = undefined
        continue
      }
      if (since === undefined) {
        since = performance.now()
        lendSlot()
      }
      const stuckMs = performance.now() - since
      // Not at once: it is a connection more for a node that is only far away.
      if (stuckMs >= pingMs / 2) answer ??= means.askNode(entry, node, pingMs / 2)
      if (stuckMs >= pingMs && (await answer)) return
    }
  }

  async function pushWatched<T>(at: At, push: (signal: AbortSignal) => Promise<T>, waiter: Waiter) {
    const [lost, over] = [new AbortController(), new AbortController()]
    const watching = untilLost(at, () => over.signal.aborted || waiter.lendSlot(), over.signal)
    // It only ever fails because the push is over.
    watching.then(
      () => lost.abort(),
      () => undefined,
    )
    try {
      return await push(AbortSignal.any([waiter.signal, lost.signal]))
    } catch (error) {
      throw lost.signal.aborted && !waiter.signal.aborted ? nodeError(at, 'node-unreachable') : error
    } finally {
      over.abort()
    }
  }

  return {
    async attempt(at, push, waiter) {
      if (away.has(at.node)) await awaitReturn(at, waiter)
      try {
        const result = await pushWatched(at, push, waiter)
        away.delete(at.node)
        return result
      } catch (error) {
        if (!(error instanceof Transient) && !(error instanceof Permanent)) throw error
        if (awayCodes.has(error.failure.code)) away.add(at.node)
        else away.delete(at.node)
        throw error
      }
    },
  }
}
