/** The order of pushes, by how the nodes and the configuration are at that moment. */
import type { Entry, Site } from '../../shared/config/site.ts'
import type { PushWork } from '../../shared/contracts/messages.ts'
import type { Choice } from '../../shared/work/consume/backlog.ts'
import { entryNamed } from '../../shared/work/find-entry.ts'
import { choosePush } from './next-push.ts'
import { type CircuitBreaker, wayTo } from './nodes/circuit-breaker.ts'
import type { ConcurrencyLimits } from './nodes/concurrency-limit.ts'

export interface PushOrderDeps {
  readonly site: () => Site
  readonly breaker: CircuitBreaker
  readonly limits: Pick<ConcurrencyLimits, 'mostAt'>
}

/** Pushes to nodes that are away wait apart, so that nobody has to wait behind them. */
export function pushOrder({ site, breaker, limits }: PushOrderDeps): Choice<PushWork> {
  const entryOf = (name: string) => entryNamed(site().entries, name)
  const wayOf = ({ entry, node }: PushWork) => wayTo({ entry: entryOf(entry) ?? strange, node })
  const { concurrency: most } = site().distributor
  return {
    // The choice has a bound for each of two kinds of nodes.
    concurrency: 2 * most,
    choose: (waiting, working) =>
      choosePush(waiting, working, {
        most,
        mostAt: (item) => breaker.mostAt({ ...item, way: wayOf(item) }, limits.mostAt(item.node)),
        isProven: (item) => breaker.isProven({ way: wayOf(item) }),
        triedAt: breaker.triedAt,
        accountOf: (entry) => entryOf(entry)?.account,
      }),
    isParked: (item) => breaker.isOpen({ way: wayOf(item) }),
  }
}

/** An entry that is configured no longer: its pushes end by themselves. */
const strange: Pick<Entry, 'sshOptions' | 'transport'> = { sshOptions: [], transport: 'ssh' }
