/** The distributor: opens sealed tokens and puts them on every node, many at once, a few at a time for each node. */
import { join } from 'node:path'
import { serveRequests } from '../../shared/bus/requests/serve-requests.ts'
import { awaitTopology } from '../../shared/bus/streams/topology.ts'
import type { Entry, Site } from '../../shared/config/site.ts'
import { type PushItem, pushItem, tokenReady, tokenStored } from '../../shared/contracts/messages.ts'
import { onSubject } from '../../shared/contracts/on-subject.ts'
import { buckets, consumers, pushSubject, streams, tokenSubject } from '../../shared/contracts/subjects.ts'
import { runDaemon } from '../../shared/daemon/run-daemon.ts'
import { readOpening } from '../../shared/daemon/sealing-keys.ts'
import { openTickets } from '../../shared/kerberos/kinit.ts'
import { consume } from '../../shared/work/consume/consume.ts'
import { failedEvent } from '../../shared/work/failed-event.ts'
import { handlePush } from './handle.ts'
import { choosePush } from './next-push.ts'
import { openCircuitBreaker, wayTo } from './nodes/circuit-breaker.ts'
import { openConcurrencyLimits } from './nodes/concurrency-limit.ts'
import { planReady, planStored } from './plan.ts'
import { openControlMasters } from './ssh/control-master.ts'
import { openUnsealing } from './token/unsealing.ts'
import { emptyStaging } from './transport/stage-files.ts'

await runDaemon('distributor', async ({ bus, log, site, stateRoot, stateDirectory, stack }) => {
  await awaitTopology(bus, {
    streams: [streams.tokens],
    buckets: [buckets.targets, buckets.sealed],
  })
  const targets = await bus.bucket(buckets.targets)
  const limits = openConcurrencyLimits(() => site().distributor.perNode)
  const breaker = openCircuitBreaker()
  const deps = {
    site,
    targets,
    sealed: await bus.bucket(buckets.sealed),
    tickets: stack.use(await openTickets(join(stateDirectory, 'tickets'))),
    masters: stack.use(
      await openControlMasters(join(stateDirectory, 'connections'), () => site().distributor.ssh),
    ),
    ...{ limits, breaker },
    staging: await emptyStaging(join(stateDirectory, 'staging')),
    unseal: openUnsealing(await readOpening(site().sealing, stateRoot)),
  }
  const entryOf = openEntries(site)
  const wayOf = ({ entry, node }: PushItem) => wayTo({ entry: entryOf(entry) ?? strange, node })
  const { concurrency } = site().distributor

  stack.use(
    await consume(
      {
        stream: streams.push,
        consumer: consumers.distributor,
        schemaOf: (subject) => onSubject(subject, pushItem, (item) => pushSubject(item, item.node)),
        handle: (received) => handlePush(received, deps),
        report: (item, failed, permanent) => failedEvent(item, 'push', item.node, failed, permanent),
        // The choice has a bound for each of two kinds of nodes.
        concurrency: 2 * concurrency,
        choose: (waiting, working) =>
          choosePush(waiting, working, {
            most: concurrency,
            mostAt: (item) => breaker.mostAt({ ...item, way: wayOf(item) }, limits.mostAt(item.node)),
            isProven: (item) => breaker.isProven({ way: wayOf(item) }),
            triedAt: breaker.triedAt,
            accountOf: (entry) => entryOf(entry)?.account,
          }),
        isParked: (item) => breaker.isOpen({ way: wayOf(item) }),
      },
      { bus, log },
    ),
  )
  stack.use(
    await consume(
      {
        stream: streams.tokens,
        consumer: consumers.distributorPlan,
        filter: 'token.ready.*.*',
        schemaOf: (subject) => onSubject(subject, tokenReady, (fact) => tokenSubject('ready', fact)),
        handle: (received) => planReady(received, { site, targets }),
        concurrency: 1,
      },
      { bus, log },
    ),
  )
  // Also where pushes wait for nothing now: a reload may change that.
  stack.use(
    await consume(
      {
        stream: streams.tokens,
        consumer: consumers.distributorPlanStored,
        filter: 'token.stored.*.*',
        schemaOf: (subject) => onSubject(subject, tokenStored, (fact) => tokenSubject('stored', fact)),
        handle: (received) => planStored(received, { site, targets }),
        concurrency: 1,
      },
      { bus, log },
    ),
  )
  stack.use(await serveRequests(bus, 'distributor', [], log))
})

/** An entry that is configured no longer: its pushes end by themselves. */
const strange: Pick<Entry, 'sshOptions'> = { sshOptions: [] }

/** Asked for every waiting push whenever one ends, so they are looked up, not searched for. */
function openEntries(site: () => Site): (entry: string) => Entry | undefined {
  let [of, entries] = [undefined as Site | undefined, new Map<string, Entry>()]
  return (entry) => {
    if (of !== site()) {
      of = site()
      entries = new Map(of.entries.map((one) => [one.name, one]))
    }
    return entries.get(entry)
  }
}
