/** The streams, consumers and buckets: each daemon makes what it owns and waits for the rest. */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  AckPolicy,
  type ConsumerConfig,
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  RetentionPolicy,
  type StreamConfig,
} from '@nats-io/jetstream'
import type { KvOptions } from '@nats-io/kv'
import { nanos } from '@nats-io/nats-core'
import type { Bus } from './bus.ts'
import {
  type BucketName,
  buckets as bucketNames,
  type ConsumerName,
  type Daemon,
  type StreamName,
  streams,
} from './subjects.ts'

const second = 1_000
const day = 24 * 60 * 60 * second

/** How long a lease lasts without a sign of life; a standby takes over after that (milliseconds). */
export const leaseTtlMs = 6 * second
/** How long the server waits for a sign of life from a handler before it delivers a message again (milliseconds). */
export const ackWaitMs = 9 * second
/** Above the number of targets: delayed naks count against it. */
const maxAckPending = 20_000

type StreamPlan = { readonly owner: Daemon; readonly config: Partial<StreamConfig> & { name: StreamName } }

/** A queue that keeps the newest item of each subject until it is acked. */
function workQueue(owner: Daemon, name: StreamName, subject: string): StreamPlan {
  return {
    owner,
    config: {
      name,
      subjects: [subject],
      retention: RetentionPolicy.Workqueue,
      max_msgs_per_subject: 1,
      discard: DiscardPolicy.Old,
    },
  }
}

const streamPlans: readonly StreamPlan[] = [
  {
    owner: 'refresher',
    config: { name: streams.tokens, subjects: ['token.*.*.*', 'run.*'], max_age: nanos(14 * day) },
  },
  workQueue('refresher', streams.refresh, 'refresh.*.*'),
  workQueue('storer', streams.store, 'store.*.*.*'),
  workQueue('distributor', streams.push, 'push.*.*.*'),
  {
    owner: 'notifier',
    config: {
      ...{ name: streams.notify, subjects: ['notify.>'], retention: RetentionPolicy.Workqueue },
      // As long as a message is tried: made again after a restart, it must not lie there twice, for two notifiers.
      duplicate_window: nanos(day),
    },
  },
  { owner: 'notifier', config: { name: streams.dead, subjects: ['dead.>'], max_age: nanos(30 * day) } },
]

/** True for a queue in which a newer item of a subject takes the place of the one that waits there. */
export const keepsNewest = (name: StreamName): boolean =>
  streamPlans.some(({ config }) => config.name === name && config.max_msgs_per_subject === 1)

/** Reads of KV go to the leader (`allow_direct: false`): a claim or a lease may not be read from a lagging replica. */
const bucketPlans: Record<BucketName, { readonly owner: Daemon; readonly options: Partial<KvOptions> }> = {
  targets: { owner: 'refresher', options: {} },
  uids: { owner: 'refresher', options: {} },
  sealed: { owner: 'refresher', options: { history: 8, ttl: 28 * day } },
  leases: { owner: 'refresher', options: { ttl: leaseTtlMs } },
  runs: { owner: 'notifier', options: { ttl: 14 * day } },
  failures: { owner: 'notifier', options: {} },
}

/** What a daemon needs that others make. */
export interface Needs {
  readonly streams: readonly StreamName[]
  readonly buckets: readonly BucketName[]
}

/** Makes what `daemon` owns, then waits until everything else is there. */
export async function ensureTopology(bus: Bus, daemon: Daemon, needs: Needs): Promise<void> {
  await ensureOwned(bus, daemon)
  await awaitTopology(bus, needs)
}

/** Waits until what others make is there. */
export async function awaitTopology(bus: Bus, { streams: needed, buckets }: Needs): Promise<void> {
  for (const name of needed) await untilThere(() => bus.jsm.streams.info(name))
  for (const name of buckets) await untilThere(() => bus.jsm.streams.info(bucketStream(name)))
}

/** Something that a daemon owns. */
export interface Owned {
  readonly kind: 'stream' | 'bucket'
  readonly name: StreamName | BucketName
  /** The stream in which it lies. */
  readonly stream: string
  readonly make: (bus: Bus) => Promise<unknown>
}

export function ownedBy(daemon: Daemon): Owned[] {
  const ownStreams = streamPlans
    .filter(({ owner }) => owner === daemon)
    .map(
      ({ config }): Owned => ({
        ...{ kind: 'stream', name: config.name, stream: config.name },
        make: (bus) => ensureStream(bus, config),
      }),
    )
  const ownBuckets = Object.values(bucketNames)
    .filter((name) => bucketPlans[name].owner === daemon)
    .map(
      (name): Owned => ({
        ...{ kind: 'bucket', name, stream: bucketStream(name) },
        make: (bus) => bus.kvm.create(name, { allow_direct: false, ...bucketPlans[name].options }),
      }),
    )
  return [...ownStreams, ...ownBuckets]
}

const bucketStream = (name: BucketName) => `KV_${name}`

/** Makes what `daemon` owns and what is not there, and brings older streams up to date. */
export async function ensureOwned(bus: Bus, daemon: Daemon): Promise<void> {
  for (const { make } of ownedBy(daemon)) await make(bus)
}

/** Adds the stream, or brings an older one up to date. */
async function ensureStream(bus: Bus, config: StreamPlan['config']) {
  if (await isMissing(() => bus.jsm.streams.info(config.name))) await bus.jsm.streams.add(config)
  else await bus.jsm.streams.update(config.name, config)
}

/** Adds or updates a durable pull consumer that delivers for ever: attempts are counted by the handlers. Waits for the stream until `signal`. */
export async function ensureConsumer(
  bus: Bus,
  stream: StreamName,
  name: ConsumerName,
  filter?: string,
  { ackWaitMs: ackWait = ackWaitMs, signal }: { ackWaitMs?: number; signal?: AbortSignal } = {},
): Promise<void> {
  const config: Partial<ConsumerConfig> = {
    durable_name: name,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ackWait),
    max_deliver: -1,
    max_ack_pending: maxAckPending,
    ...(filter ? { filter_subject: filter } : {}),
  }
  await untilThere(() => bus.jsm.consumers.add(stream, config), signal)
}

/** True where the stream or consumer that is looked at does not exist; throws what else is wrong. */
export async function isMissing(look: () => Promise<unknown>): Promise<boolean> {
  try {
    await look()
    return false
  } catch (error) {
    if (isNotFound(error)) return true
    throw error
  }
}

function isNotFound(error: unknown): boolean {
  return (
    error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.StreamNotFound || error.code === JetStreamApiCodes.ConsumerNotFound)
  )
}

/** Polls for what another daemon makes: there is no event for a stream that does not exist yet. */
async function untilThere(look: () => Promise<unknown>, signal?: AbortSignal): Promise<void> {
  while (await isMissing(look)) await sleep(100, undefined, { ...(signal ? { signal } : {}) })
}
