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
import { nanos } from '@nats-io/nats-core'
import {
  type BucketName,
  buckets as bucketNames,
  bucketStream,
  type ConsumerName,
  type Daemon,
  matchesSubject,
  type StreamName,
  streams,
} from '../../contracts/subjects.ts'
import type { Bus } from '../connect.ts'
import { patiently } from '../patiently.ts'
import { compareStream, type Difference } from './compare-stream.ts'

const second = 1_000
const day = 24 * 60 * 60 * second

/** How long a lease lasts without a sign of life; a standby takes over after that (milliseconds). */
export const leaseTtlMs = 6 * second
/** How long the server waits for a sign of life from a handler before it delivers a message again (milliseconds). */
export const ackWaitMs = 9 * second
/** Above the number of targets, of which a laboratory may have fifty thousand: delayed naks count against it. */
const maxAckPending = 100_000

/** How a stream has to be, in the words of the server; and who makes it. */
export interface StreamPlan {
  readonly owner: Daemon
  readonly config: Partial<StreamConfig> & { readonly name: string; readonly max_bytes: number }
}

const mebi = 1024 * 1024

/**
 * The sizes are bounds against what runs away, far above what a site needs (docs/bus.md): together they fit into the 4 GB
 * that the shipped configuration of nats-server gives to JetStream, which reserves them.
 */
const maxBytes: Record<StreamName | BucketName, number> = {
  TOKENS: 1024 * mebi,
  REFRESH: 32 * mebi,
  STORE: 64 * mebi,
  PUSH: 256 * mebi,
  NOTIFY: 256 * mebi,
  DEAD: 128 * mebi,
  targets: 256 * mebi,
  runs: 1024 * mebi,
  failures: 64 * mebi,
  uids: 16 * mebi,
  sealed: 256 * mebi,
  leases: mebi,
  logins: 32 * mebi,
  revoked: 4 * mebi,
}

/** Where the limit is reached, a queue refuses what is new, loudly, and drops nothing that waits. */
const refusing = { discard: DiscardPolicy.New }
/** Facts that are old anyway make room: refused ones would stop every token. */
const forgetting = { discard: DiscardPolicy.Old }

/** A queue that keeps the newest item of each subject until it is acked. */
const workQueue = { retention: RetentionPolicy.Workqueue, max_msgs_per_subject: 1, ...refusing }

const streamPlan = (
  owner: Daemon,
  name: StreamName,
  subjects: string[],
  config: Partial<StreamConfig>,
): StreamPlan => ({ owner, config: { ...{ name, subjects, max_bytes: maxBytes[name] }, ...config } })

const streamPlans: readonly StreamPlan[] = [
  streamPlan('refresher', streams.tokens, ['token.*.*.*', 'run.*'], {
    max_age: nanos(14 * day),
    ...forgetting,
  }),
  streamPlan('refresher', streams.refresh, ['refresh.*.*'], workQueue),
  streamPlan('storer', streams.store, ['store.*.*.*'], workQueue),
  streamPlan('distributor', streams.push, ['push.*.*.*'], workQueue),
  streamPlan('notifier', streams.notify, ['notify.>'], {
    ...{ retention: RetentionPolicy.Workqueue, ...refusing },
    // As long as a message is tried: made again after a restart, it must not lie there twice, for two notifiers.
    duplicate_window: nanos(day),
  }),
  streamPlan('notifier', streams.dead, ['dead.>'], { max_age: nanos(30 * day), ...forgetting }),
]

/** True for a queue in which a newer item of a subject takes the place of the one that waits there. */
export const keepsNewest = (name: StreamName): boolean =>
  streamPlans.some(({ config }) => config.name === name && config.max_msgs_per_subject === 1)

/** Whether a message with this subject belongs there: JetStream writes whole messages to the reply subject of who pulls them. */
export const belongsTo = (name: StreamName, subject: string): boolean =>
  streamPlans.some(
    ({ config }) =>
      config.name === name && config.subjects?.some((pattern) => matchesSubject(pattern, subject)),
  )

interface BucketOptions {
  readonly history?: number
  /** Milliseconds; 0: for ever. */
  readonly ttl?: number
  readonly whenFull?: typeof refusing | typeof forgetting
}

/** A bucket as the KV client makes it. Reads go to the leader: a claim or a lease may not be read from a lagging replica. */
const bucketPlan = (
  owner: Daemon,
  name: BucketName,
  { history = 1, ttl = 0, whenFull = refusing }: BucketOptions = {},
): StreamPlan => ({
  owner,
  config: {
    name: bucketStream(name),
    subjects: [`$KV.${name}.>`],
    max_bytes: maxBytes[name],
    max_msgs_per_subject: history,
    ...(ttl > 0 ? { max_age: nanos(ttl) } : {}),
    ...whenFull,
    allow_rollup_hdrs: true,
    allow_direct: false,
  },
})

const bucketPlans: Record<BucketName, StreamPlan> = {
  targets: bucketPlan('refresher', 'targets'),
  uids: bucketPlan('refresher', 'uids'),
  sealed: bucketPlan('refresher', 'sealed', { history: 8, ttl: 28 * day }),
  leases: bucketPlan('refresher', 'leases', { ttl: leaseTtlMs }),
  logins: bucketPlan('refresher', 'logins'),
  revoked: bucketPlan('refresher', 'revoked'),
  // Refused, the runs of today would stop for those of two weeks ago.
  runs: bucketPlan('notifier', 'runs', { ttl: 14 * day, whenFull: forgetting }),
  failures: bucketPlan('notifier', 'failures'),
}

/** What a daemon needs that others make. */
export interface Needs {
  readonly streams: readonly StreamName[]
  readonly buckets: readonly BucketName[]
}

/**
 * Waits until what others make is there, however long the bus needs for an answer. `onWait` hears of what is not there after
 * `longMs`, once each: somebody may look at the wrong bus.
 */
export async function awaitTopology(
  { jsm }: Bus,
  needs: Needs,
  onWait: (missing: Owned) => void = () => {},
  longMs = 15_000,
): Promise<void> {
  const names: readonly string[] = [...needs.streams, ...needs.buckets]
  for (const one of owned.filter(({ name }) => names.includes(name))) {
    const timer = setTimeout(() => onWait(one), longMs)
    await untilThere(() => jsm.streams.info(one.plan.config.name)).finally(() => clearTimeout(timer))
  }
}

/** A stream or a bucket of ours. */
export interface Owned {
  readonly kind: 'stream' | 'bucket'
  readonly name: StreamName | BucketName
  readonly plan: StreamPlan
}

/** The plan on this bus: with as many copies as its configuration says. */
export const configOn = (
  { replicas }: Pick<Bus, 'replicas'>,
  { config }: StreamPlan,
): StreamPlan['config'] => ({
  ...config,
  num_replicas: replicas,
})

/** Everything that lies in JetStream. */
export const owned: readonly Owned[] = [
  ...streamPlans.map((plan): Owned => ({ kind: 'stream', name: plan.config.name as StreamName, plan })),
  ...Object.values(bucketNames).map((name): Owned => ({ kind: 'bucket', name, plan: bucketPlans[name] })),
]

export const ownedBy = (daemon: Daemon) => owned.filter(({ plan }) => plan.owner === daemon)

/** Makes what `daemon` owns and what is not there. What is there stays as it is: says what of that is out of date. */
export async function ensureOwned(bus: Bus, daemon: Daemon): Promise<Outdated[]> {
  const outdated: Outdated[] = []
  for (const one of ownedBy(daemon)) {
    const differences = await ensureStream(bus, one.plan)
    if (differences.length > 0) outdated.push({ ...one, differences })
  }
  return outdated
}

/** Something that is there, but not as this version wants it. */
export interface Outdated extends Owned {
  readonly differences: readonly Difference[]
}

/** Makes the stream where it is missing. Two that do so at once make the same. */
export async function ensureStream(bus: Bus, plan: StreamPlan): Promise<Difference[]> {
  const config = configOn(bus, plan)
  const found = await unlessMissing(() => bus.jsm.streams.info(config.name))
  if (found) return compareStream(found.config, config)
  await bus.jsm.streams.add(config)
  return []
}

/**
 * Adds or updates a durable pull consumer that delivers for ever: attempts are counted by the handlers. Waits for the stream
 * until `signal`.
 */
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
  const { consumers, streams } = bus.jsm
  const make = () =>
    consumers.add(stream, config).catch((error) => {
      // nats-server from 2.10 on does not make one anew that is there with other settings.
      if (!isConsumerThere(error)) throw error
      return consumers.update(stream, name, config)
    })
  const makeInStep = async () => {
    const made = await make()
    const { state } = await streams.info(stream)
    // Power was cut, or the disk is damaged: the stream has lost its end. What comes in its place would not be delivered.
    if (made.delivered.stream_seq <= state.last_seq) return made
    await consumers.delete(stream, name)
    return make()
  }
  await untilThere(makeInStep, signal)
}

/** What `look` finds, or undefined where that stream or consumer does not exist; throws what else is wrong. */
export async function unlessMissing<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look()
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** True where the stream or consumer that is looked at does not exist; throws what else is wrong. */
export const isMissing = async (look: () => Promise<unknown>): Promise<boolean> =>
  (await unlessMissing(look)) === undefined

/** The server's number for "consumer already exists", which the client has no name for. */
const consumerExists = 10148
const isConsumerThere = (error: unknown) =>
  error instanceof JetStreamApiError && error.code === consumerExists

function isNotFound(error: unknown): boolean {
  return (
    error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.StreamNotFound || error.code === JetStreamApiCodes.ConsumerNotFound)
  )
}

/** Polls for what another daemon makes: there is no event for a stream that does not exist yet. A bus that is away is asked again. */
async function untilThere(look: () => Promise<unknown>, signal?: AbortSignal): Promise<void> {
  const options = { patienceMs: Number.POSITIVE_INFINITY, signal }
  while (await patiently(() => isMissing(look), options))
    await sleep(100, undefined, { ...(signal ? { signal } : {}) })
}
