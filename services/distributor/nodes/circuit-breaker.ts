/**
 * Keeps nodes that are away from costing the others anything: after a failure one push at a time tries the node, and every
 * other push to it fails with what that one found, without a connection of its own.
 */
import type { Entry } from '../../../shared/config/site.ts'
import { codeOf, RetryLater } from '../../../shared/contracts/errors.ts'
import type { ReasonCode } from '../../../shared/contracts/reasons.ts'
import { countAttempt } from '../../../shared/telemetry/metrics/count-attempt.ts'
import { NodeFailure, nodeError } from '../ssh/ssh-failure.ts'
import type { Push } from '../transport/push.ts'
import {
  afterAnswer,
  afterFailure,
  afterHang,
  afterNothing,
  afterStart,
  type Circuit,
  type Finding,
  isProven,
  mostAt,
  permit,
  type RetryPolicy,
  type Try,
  unknown,
  type Waiter,
  withoutOld,
} from './circuit.ts'

/** A push as the breaker sees it. */
export interface At {
  readonly push: Pick<Push, 'entry' | 'node'>
  readonly run: string
  readonly policy: RetryPolicy
  /** Aborted when the daemon stops: what a push says after that means nothing. */
  readonly signal: AbortSignal
}

/** A push that waits: `way` is how it gets to its node. */
export interface WaitingAt {
  readonly way: string
  readonly entry: string
  readonly node: string
  readonly run: string
}

export interface CircuitBreaker {
  /**
   * Makes the push, unless its node failed lately. Throws what it throws; and RetryLater where the node is away, with the
   * failure as soon as the node has failed as often as the configuration says.
   */
  attempt<T>(at: At, push: () => Promise<T>): Promise<T>
  /** How many pushes at the same time the way takes now, where a node that is well takes `limit`. */
  mostAt(at: WaitingAt, limit: number): number
  /** Whether the way's node has answered lately. */
  isProven(at: Pick<WaitingAt, 'way'>): boolean
  /** Whether the way's node failed lately. */
  isOpen(at: Pick<WaitingAt, 'way'>): boolean
  /** When the entry's push of this run was made last, and did not succeed (milliseconds of the breaker's clock). */
  triedAt(at: Omit<WaitingAt, 'way'>): number | undefined
}

/** How an entry gets to a node: what stops one entry's own proxy stops nobody else. */
export const wayTo = ({
  entry: { sshOptions, transport },
  node,
}: {
  readonly entry: Pick<Entry, 'sshOptions' | 'transport'>
  readonly node: string
}): string => JSON.stringify([node, transport === 'local' ? transport : sshOptions])

/** After these nobody got as far as the account. */
export const awayCodes: ReadonlySet<ReasonCode> = new Set([
  'node-unreachable',
  'node-unknown',
  'connection-refused',
])
/** These come from somebody who is there. */
const answerCodes: ReadonlySet<ReasonCode> = new Set([
  ...(['host-key-changed', 'host-key-unknown', 'connection-dropped'] as const),
  ...(['kerberos-refused', 'key-refused', 'account-unknown', 'login-refused', 'shell-failed'] as const),
  ...(['disk-full', 'destination-squatted', 'destination-missing', 'destination-unwritable'] as const),
  ...(['wrong-owner', 'account-not-ours'] as const),
])

/** Remembers what became of pushes, as long as the daemon runs. */
export function openCircuitBreaker(now: () => number = () => performance.now()): CircuitBreaker {
  const circuits = new Map<string, Circuit>()
  /** By entry and node: the last try that did not succeed. */
  const tried = new Map<string, Pick<Try, 'run' | 'startedMs'>>()
  /** By entry and node: the run that has told its failure. */
  const told = new Map<string, string>()
  const waiterOf = ({ entry, node, run }: Omit<WaitingAt, 'way'>): Waiter => ({
    run,
    hasTold: told.get(targetOf(entry, node)) === run,
  })
  const circuitOf = (way: string) => withoutOld(circuits.get(way) ?? unknown, now())

  function judge(circuit: Circuit, attempt: Try, error: unknown, policy: RetryPolicy): Circuit {
    const code = codeOf(error)
    if (error instanceof NodeFailure && awayCodes.has(error.failure.code))
      return afterFailure(circuit, attempt, findingOf(error), policy, now())
    if (error instanceof NodeFailure && code === 'push-timeout')
      return afterHang(circuit, attempt, findingOf(error), policy, now())
    return code && answerCodes.has(code) ? afterAnswer(now()) : afterNothing(circuit, now())
  }

  /** Comes again when the node is tried next, and tells what was found. */
  function putOff({ push, run }: At, delayMs: number, found: Finding | undefined): RetryLater {
    const { entry, node } = push
    if (found) told.set(targetOf(entry.name, node), run)
    return new RetryLater(Math.ceil(delayMs), found && nodeError(push, found.code, found.why).failure)
  }

  return {
    async attempt(at, push) {
      const { push: of, run, policy, signal } = at
      const way = wayTo(of)
      const target = { entry: of.entry.name, node: of.node, run }
      const permission = permit(circuitOf(way), waiterOf(target), now())
      if (permission.kind === 'wait') throw putOff(at, permission.delayMs, permission.found)
      const attempt: Try = { run, account: of.entry.account, startedMs: now() }
      circuits.set(way, afterStart(circuitOf(way)))
      const key = targetOf(target.entry, target.node)
      tried.set(key, attempt)
      try {
        const result = await push()
        for (const kept of [tried, told]) kept.delete(key)
        circuits.set(way, afterAnswer(now()))
        return result
      } catch (error) {
        const said = signal.aborted ? undefined : error
        const circuit = judge(circuitOf(way), attempt, said, policy)
        circuits.set(way, circuit)
        if (circuit.kind !== 'open' || !(said instanceof NodeFailure)) throw error
        countAttempt('push', said.failure.code)
        const delayMs = Math.max(1, circuit.nextTryMs - now())
        throw putOff(at, delayMs, circuit.isTold ? circuit.found : undefined)
      }
    },
    mostAt: (waiting, limit) => mostAt(circuitOf(waiting.way), waiterOf(waiting), limit, now()),
    isProven: ({ way }) => isProven(circuitOf(way), now()),
    isOpen: ({ way }) => circuitOf(way).kind === 'open',
    triedAt({ entry, node, run }) {
      const last = tried.get(targetOf(entry, node))
      return last?.run === run ? last.startedMs : undefined
    },
  }
}

const targetOf = (entry: string, node: string) => `${entry} ${node}`

const findingOf = ({ failure: { code }, why }: NodeFailure): Finding => ({ code, why })
