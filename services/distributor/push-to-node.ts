/** One push with what the daemon knows around it: is the node there, how many at once does it take, is a connection open. */
import type { Site } from '../../shared/config/site.ts'
import type { Received } from '../../shared/consume.ts'
import { Permanent, RetryLater, Transient } from '../../shared/errors.ts'
import type { ReasonCode } from '../../shared/reasons.ts'
import type { ControlMasters } from './control-master.ts'
import { chooseExchanges } from './key-exchange.ts'
import type { Paces } from './pace.ts'
import type { Reach } from './reach.ts'
import type { SshTargets } from './ssh-target.ts'
import { type Push, transportOf } from './transport.ts'

export interface SendDeps {
  readonly reach: Reach
  readonly paces: Paces
  readonly masters: ControlMasters
  readonly targetOf: SshTargets
  /** A private directory for files on their way. */
  readonly staging: string
}

/** After these an open connection is not to be trusted. */
const brokenCodes: ReadonlySet<ReasonCode | undefined> = new Set([
  'push-timeout',
  'connection-lost',
  'node-unreachable',
])

/**
 * Puts the files on the node with the ticket in `ccache`. Returns a warning about optional files, or undefined. Throws as
 * transports do, and RetryLater where sshd had too many connections: that is no failure before it goes on and on.
 */
export async function sendFiles(
  push: Push,
  ccache: string,
  { distributor, timeouts }: Site,
  received: Pick<Received<unknown>, 'signal' | 'lendSlot'>,
  { reach, paces, masters, targetOf, staging }: SendDeps,
): Promise<string | undefined> {
  const { entry, node } = push
  const { ssh, rsync } = distributor
  const control = masters.socketOf(entry, node, distributor)
  const exchanges = chooseExchanges((await targetOf(entry, node))?.keyExchanges ?? [])
  const means = {
    ...{ ssh, rsync, ccache, staging, exchanges, timeoutMs: timeouts.pushMs },
    ...(control ? { control } : {}),
  }
  try {
    const send = (signal: AbortSignal) => transportOf(entry)(push, { ...means, signal })
    const warning = await reach.attempt({ entry, node, pingMs: timeouts.pingMs }, send, received)
    paces.answered(node)
    return warning
  } catch (error) {
    const code = codeOf(error)
    if (control && brokenCodes.has(code)) await masters.close(control, ssh)
    if (code !== 'connection-dropped') throw error
    const delayMs = paces.dropped(node)
    throw delayMs === undefined ? error : new RetryLater(delayMs)
  }
}

const codeOf = (error: unknown): ReasonCode | undefined =>
  error instanceof Transient || error instanceof Permanent ? error.failure.code : undefined
