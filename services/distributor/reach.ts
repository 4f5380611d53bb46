/**
 * Keeps nodes that do not answer from costing the others anything. A node that failed is asked by a probe before it gets
 * a connection again; one that is slow is asked beside its push. Nobody is asked who answers: there is no barrier.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Entry } from '../../shared/config/site.ts'
import type { Received } from '../../shared/consume.ts'
import { Permanent, type ReasonCode, RetryLater, Transient } from '../../shared/errors.ts'
import type { AskNode } from './ask-node.ts'
import { nodeError } from './ssh-failure.ts'

/** All in milliseconds. */
export interface ReachTiming {
  /** A push is slow from here on, or from three times as long as pushes took of late. */
  readonly slowMs: number
  /** Whoever waits longer than this for a connection, or for sshd's greeting, lends its slot to another push. */
  readonly connectMs: number
  readonly greetMs: number
}

const defaults: ReachTiming = { slowMs: 1_000, connectMs: 250, greetMs: 2_000 }

export interface Reach {
  /**
   * Runs `push`, which is aborted when the node turns out to be unreachable. Throws Transient with the probe's reason, or
   * RetryLater when a node that was away has come back after its slot was lent.
   */
  attempt<T>(at: At, push: (signal: AbortSignal) => Promise<T>, waiter: Waiter): Promise<T>
}

interface At {
  readonly entry: Entry
  readonly node: string
  /** How long a probe waits for an answer. */
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

export function openReach(askNode: AskNode, timing: Partial<ReachTiming> = {}): Reach {
  const { slowMs, connectMs, greetMs } = { ...defaults, ...timing }
  const away = new Set<string>()
  let usualMs = 0

  async function awaitReturn({ entry, node, pingMs }: At, { signal, lendSlot }: Waiter): Promise<void> {
    const { greeted } = await askNode(entry, node, pingMs)
    const isLate = await takesLonger(greeted, connectMs, signal)
    if (isLate) lendSlot()
    const code = await greeted
    if (code) throw nodeError({ entry, node }, code)
    away.delete(node)
    // The slot is somebody else's by now: in line again, and at once.
    if (isLate) throw new RetryLater(1)
  }

  /** While no push has ended yet, the first ones may be slow because this machine is: that is no reason for more connections. */
  async function untilSlow(over: AbortSignal): Promise<void> {
    const patienceMs = () => (usualMs === 0 ? 3 * slowMs : Math.max(slowMs, 3 * usualMs))
    const started = performance.now()
    while (performance.now() - started < patienceMs()) await sleep(slowMs, undefined, { signal: over })
  }

  /** Asks a node that is slow. Answers true when it cannot be reached, which ends the push. */
  async function isLost({ entry, node, pingMs }: At, lendSlot: () => void, over: AbortSignal) {
    await untilSlow(over)
    const { connected, greeted } = await askNode(entry, node, pingMs)
    void takesLonger(connected, connectMs, over).then((late) => late && lendSlot())
    void takesLonger(greeted, greetMs, over).then((late) => late && lendSlot())
    // A refusal says nothing of the connection that is there already.
    return (await connected) === 'node-unreachable'
  }

  async function pushWatched<T>(at: At, push: (signal: AbortSignal) => Promise<T>, waiter: Waiter) {
    const [lost, over] = [new AbortController(), new AbortController()]
    const watching = isLost(at, waiter.lendSlot, over.signal)
    watching.then(
      (is) => is && lost.abort(),
      () => undefined,
    )
    const started = performance.now()
    try {
      const result = await push(AbortSignal.any([waiter.signal, lost.signal]))
      const tookMs = performance.now() - started
      usualMs = usualMs === 0 ? tookMs : 0.8 * usualMs + 0.2 * tookMs
      return result
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

/** Whether the answer is not there after `ms`; false when nobody wants to know any more. */
async function takesLonger(answer: Promise<unknown>, ms: number, over: AbortSignal): Promise<boolean> {
  const late = sleep(ms, true, { signal: over }).catch(() => false)
  return Promise.race([answer.then(() => false), late])
}
