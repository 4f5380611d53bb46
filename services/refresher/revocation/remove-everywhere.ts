/** Starts the run that takes a service's tokens away, and goes on with it until nothing is left, whatever is lost meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KV } from '@nats-io/kv'
import type { Logger } from 'pino'
import { isBusError } from '../../../shared/bus/bus-errors.ts'
import type { Bus } from '../../../shared/bus/connect.ts'
import { publish, publishAll, type Work } from '../../../shared/bus/publish.ts'
import type { Site } from '../../../shared/config/site.ts'
import { envelope } from '../../../shared/contracts/envelope.ts'
import { type RunStarted, timestamp } from '../../../shared/contracts/messages.ts'
import { runSubject } from '../../../shared/contracts/subjects.ts'
import { inRootSpan } from '../../../shared/telemetry/traces/root-span.ts'
import type { Revocation, RevokedList } from '../../../shared/work/revoked.ts'
import { readTargets } from '../../../shared/work/target-record.ts'
import { mintRunId } from '../start-run/mint-run-id.ts'
import type { KeptRevoked } from './keep-revoked.ts'
import { isCleared, lastEnd, removalsOf } from './removals.ts'

export interface RemovalDeps {
  readonly bus: Bus
  readonly runs: KV
  readonly targets: KV
  readonly site: () => Site
  readonly kept: KeptRevoked
  readonly log: Logger
}

/** How often what is left is looked at (milliseconds). */
const lookMs = 10_000

/**
 * Starts one run for all of these. Its id is minted after the list was written: older runs lose their targets to it, and
 * whoever plans a newer one sees the list.
 */
export async function startRemoval(revoked: readonly Revocation[], deps: RemovalDeps): Promise<string> {
  const { bus, runs, kept, site } = deps
  const run = await mintRunId(runs)
  await inRootSpan('run', run, async () => {
    const started = startedEvent(run, revoked, site())
    await publish(bus, { kind: 'fact', subject: runSubject('started'), id: `${run}.started`, body: started })
    const versions = new Set(revoked.map(({ version }) => version))
    await kept.change(changing((one) => (versions.has(one.version) ? { ...one, run } : one)))
    for (const one of revoked) await publishItems(removalsOf(one, run, started.deadline), deps)
  })
  return run
}

/** A queue that is not there, because its daemon never was, keeps nothing from the others: it is tried again. */
async function publishItems(items: readonly Work[], { bus, log }: RemovalDeps): Promise<void> {
  const queues = [...Map.groupBy(items, ({ stream }) => stream)]
  const published = await Promise.allSettled(queues.map(([, some]) => publishAll(bus, some)))
  for (const [index, one] of published.entries())
    if (one.status === 'rejected')
      log.warn(
        { queue: queues[index]?.[0], reason: (one.reason as Error).message },
        'what is to be removed does not fit into its queue yet: trying again',
      )
}

const changing =
  (change: (one: Revocation) => Revocation) =>
  ({ services }: RevokedList): RevokedList => ({ services: services.map(change) })

function startedEvent(run: string, revoked: readonly Revocation[], site: Site): RunStarted {
  const now = new Date()
  const [first] = revoked
  return {
    ...envelope(timestamp(now)),
    run,
    deadline: timestamp(new Date(now.getTime() + site.timeouts.globalMs)),
    configHash: site.hash,
    trigger: 'request',
    // Its failures are counted nowhere and told by nobody else: it has messages of its own.
    mode: { push: true, notify: false },
    entries: revoked.flatMap(({ entries }) => entries.map(({ uid: _, ...one }) => one)),
    revocation: { reason: first?.reason ?? '' },
    ...(first?.by && { by: first.by }),
  }
}

/** Looks now and then after what is left, from the beginning on. Disposing ends it. */
export function keepRemoving(deps: RemovalDeps): AsyncDisposable {
  const stop = new AbortController()
  let isTold = false
  const looking = (async () => {
    while (!stop.signal.aborted) {
      try {
        await goOn(deps)
        isTold = false
      } catch (error) {
        if (!isBusError(error) && !isTold && !stop.signal.aborted)
          deps.log.error({ reason: (error as Error).message }, 'the list of revoked services cannot be kept')
        isTold = true
      }
      await sleep(lookMs, undefined, { signal: stop.signal }).catch(() => undefined)
    }
  })()
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await looking
    },
  }
}

/** What was begun and not ended, by this refresher or another one. */
export async function goOn(deps: RemovalDeps): Promise<void> {
  const { services } = await deps.kept.read()
  const open = services.filter(({ state, isDone }) => state === 'revoked' && !isDone)
  if (open.length === 0) return
  const unbegun = open.filter(({ run }) => run === undefined)
  if (unbegun.length > 0) await startRemoval(unbegun, deps)
  const records = await readTargets(deps.targets, (record) => record)
  for (const one of open) {
    const { run } = one
    if (run === undefined) continue
    const items = removalsOf(one, run, timestamp())
    const left = items.filter(({ subject }) => !isCleared(run, records.get(subject)))
    // Where they lie in the queue already, they stay as they are.
    if (left.length > 0) await publishItems(left, deps)
    else await markDone(one, lastEnd(run, records.values()), deps)
  }
}

async function markDone(
  { version, service }: Revocation,
  until: string | undefined,
  { kept, log }: RemovalDeps,
): Promise<void> {
  await kept.change(
    changing((one) =>
      one.version === version ? { ...one, isDone: true, ...(until !== undefined && { until }) } : one,
    ),
  )
  log.info({ service, until }, 'revoked: nothing of the service is left anywhere')
}
