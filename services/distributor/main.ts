/** The distributor: opens sealed tokens and puts them on every node, many at once, a few at a time for each node. */
import { join } from 'node:path'
import {
  type PushItem,
  type PushRemoval,
  pushWork,
  takesAway,
  tokenReady,
  tokenStored,
} from '../../shared/contracts/messages.ts'
import { onSubject } from '../../shared/contracts/on-subject.ts'
import { buckets, consumers, pushSubject, streams, tokenSubject } from '../../shared/contracts/subjects.ts'
import { runDaemon } from '../../shared/daemon/run-daemon.ts'
import { readOpening } from '../../shared/daemon/sealing-keys.ts'
import { openTickets } from '../../shared/kerberos/kinit.ts'
import { consuming } from '../../shared/work/consume/consume.ts'
import type { Received } from '../../shared/work/consume/handle-message.ts'
import { failedEvent } from '../../shared/work/failed-event.ts'
import { openRevoked } from '../../shared/work/revoked.ts'
import { handlePush } from './handle.ts'
import { openAskedUids } from './nodes/asked-uids.ts'
import { openCircuitBreaker } from './nodes/circuit-breaker.ts'
import { openConcurrencyLimits } from './nodes/concurrency-limit.ts'
import { planPushes, planStored } from './plan.ts'
import { pushOrder } from './push-order.ts'
import { handlePushRemoval } from './removal/handle.ts'
import { openPlacedMemory } from './removal/placed.ts'
import { openControlMasters } from './ssh/control-master.ts'
import { openUnsealing } from './token/unsealing.ts'
import { emptyStaging } from './transport/stage-files.ts'

await runDaemon('distributor', {
  needs: { streams: [streams.tokens], buckets: [buckets.targets, buckets.sealed, buckets.revoked] },
  async open({ bus, log, site, stateRoot, stateDirectory, stack }) {
    const targets = await bus.bucket(buckets.targets)
    const opening = await readOpening(site().sealing, stateRoot)
    const revoked = openRevoked(await bus.bucket(buckets.revoked), log)
    const deps = {
      ...{ site, targets },
      limits: openConcurrencyLimits(() => site().distributor.perNode),
      breaker: openCircuitBreaker(),
      askedUids: openAskedUids(),
      sealed: await bus.bucket(buckets.sealed),
      tickets: stack.use(await openTickets(join(stateDirectory, 'tickets'))),
      masters: stack.use(
        await openControlMasters(join(stateDirectory, 'connections'), () => site().distributor.ssh),
      ),
      staging: await emptyStaging(join(stateDirectory, 'staging')),
      unseal: openUnsealing(opening),
      placed: openPlacedMemory(opening.seeds),
      revoked,
    }
    return {
      consumers: [
        consuming({
          stream: streams.push,
          consumer: consumers.distributor,
          schemaOf: (subject) => onSubject(subject, pushWork, (item) => pushSubject(item, item.node)),
          handle: (received) =>
            takesAway(received.body)
              ? handlePushRemoval(received as Received<PushRemoval>, deps)
              : handlePush(received as Received<PushItem>, deps),
          report: (item, failed, permanent) => failedEvent(item, 'push', item.node, failed, permanent),
          ...pushOrder(deps),
        }),
        consuming({
          stream: streams.tokens,
          consumer: consumers.distributorPlan,
          filter: 'token.ready.*.*',
          schemaOf: (subject) => onSubject(subject, tokenReady, (fact) => tokenSubject('ready', fact)),
          handle: (received) => planPushes(received, { site, targets, revoked }),
          concurrency: 1,
        }),
        // Also where pushes wait for nothing now: a reload may change that.
        consuming({
          stream: streams.tokens,
          consumer: consumers.distributorPlanStored,
          filter: 'token.stored.*.*',
          schemaOf: (subject) => onSubject(subject, tokenStored, (fact) => tokenSubject('stored', fact)),
          handle: (received) => planStored(received, { site, targets, revoked }),
          concurrency: 1,
        }),
      ],
    }
  },
})
