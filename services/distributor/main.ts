/** The distributor: opens sealed tokens and puts them on every node, many at once, a few at a time for each node. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Site } from '../../shared/config/site.ts'
import { consume } from '../../shared/consume.ts'
import { runDaemon } from '../../shared/daemon.ts'
import { openTickets } from '../../shared/kinit.ts'
import { pushItem, tokenReady, tokenStored } from '../../shared/messages.ts'
import { serveRequests } from '../../shared/micro.ts'
import { failedEvent } from '../../shared/report.ts'
import { sealingSeedFile } from '../../shared/state.ts'
import { buckets, consumers, streams } from '../../shared/subjects.ts'
import { awaitTopology } from '../../shared/topology.ts'
import { openAskNode } from './ask-node.ts'
import { choosePush } from './choose.ts'
import { openIsConnecting } from './connecting.ts'
import { openControlMasters } from './control-master.ts'
import { handlePush } from './handle.ts'
import { openPaces } from './pace.ts'
import { planReady, planStored } from './plan.ts'
import { openReach } from './reach.ts'
import { openSshTargets } from './ssh-target.ts'
import { emptyStaging } from './stage-files.ts'
import { openUnsealing } from './unsealing.ts'

await runDaemon('distributor', async ({ bus, log, site, stateRoot, stateDirectory, stack }) => {
  await awaitTopology(bus, {
    streams: [streams.tokens],
    buckets: [buckets.targets, buckets.sealed],
  })
  const seed = await readFile(site().sealing.seedFile ?? sealingSeedFile(stateRoot), 'utf8')
  const targets = await bus.bucket(buckets.targets)
  const targetOf = openSshTargets(() => site().distributor.ssh)
  const paces = openPaces(() => site().distributor.perNode)
  const deps = {
    site,
    targets,
    sealed: await bus.bucket(buckets.sealed),
    tickets: stack.use(await openTickets(join(stateDirectory, 'tickets'))),
    masters: stack.use(
      await openControlMasters(join(stateDirectory, 'connections'), () => site().distributor.ssh),
    ),
    reach: openReach({ askNode: openAskNode(targetOf), isConnecting: openIsConnecting(targetOf) }),
    ...{ paces, targetOf },
    staging: await emptyStaging(join(stateDirectory, 'staging')),
    unseal: openUnsealing(new TextEncoder().encode(seed.trim())),
  }
  const accountOf = openAccounts(site)

  stack.use(
    await consume(
      {
        stream: streams.push,
        consumer: consumers.distributor,
        schemaOf: () => pushItem,
        handle: (received) => handlePush(received, deps),
        report: (item, failed, permanent) => failedEvent(item, 'push', item.node, failed, permanent),
        concurrency: site().distributor.concurrency,
        choose: (waiting, working) => choosePush(waiting, working, { mostAt: paces.mostAt, accountOf }),
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
        schemaOf: () => tokenReady,
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
        schemaOf: () => tokenStored,
        handle: (received) => planStored(received, { site, targets }),
        concurrency: 1,
      },
      { bus, log },
    ),
  )
  stack.use(await serveRequests(bus, 'distributor', [], log))
})

/** Asked for every waiting push whenever one ends, so it is looked up, not searched for. */
function openAccounts(site: () => Site): (entry: string) => string | undefined {
  let [of, accounts] = [undefined as Site | undefined, new Map<string, string>()]
  return (entry) => {
    if (of !== site()) {
      of = site()
      accounts = new Map(of.entries.map(({ name, account }) => [name, account]))
    }
    return accounts.get(entry)
  }
}
