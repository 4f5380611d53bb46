/** Who may say and hear what on the bus: for each user just what its row of the design needs. Pure; checked by the server. */
import {
  type BucketName,
  buckets,
  type ConsumerName,
  consumers,
  type Daemon,
  daemons,
  latestRunKey,
  lostSubject,
  requests,
  type StreamName,
  scheduleKey,
  streams,
  vaultBudgetKey,
  vaultPauseKey,
} from './subjects.ts'

/** A user of the bus: a daemon, or a person with the command line or the `nats` program. */
export const natsUsers = [...daemons, 'operator'] as const
export type NatsUser = Daemon | 'operator'

export interface NatsPermissions {
  /** Subjects (NATS wildcards) the user may publish to; everything else is refused. */
  readonly publish: readonly string[]
  /** Exceptions from `publish`. */
  readonly denyPublish: readonly string[]
  readonly subscribe: readonly string[]
  /** May answer requests it receives, wherever the asker wants the answer (one message for each request). */
  readonly allowResponses: boolean
}

/** What the server is told about `user`. */
export function permissionsOf(user: NatsUser): NatsPermissions {
  return user === 'operator' ? operator : { ...daemonDefaults(user), publish: daemonPublish(user) }
}

/** The prefix of a user's inboxes. Each user hears its own only, so nobody reads answers meant for another. */
export const inboxPrefix = (user: NatsUser) => `_INBOX_${user}`

const daemonDefaults = (daemon: Daemon) => ({
  denyPublish: [],
  subscribe: [`${inboxPrefix(daemon)}.>`, '$SRV.>', 'run.*', ...answers[daemon]],
  allowResponses: true,
})

const answers: Record<Daemon, readonly string[]> = {
  refresher: [requests.run, requests.services, requests.uidsRefresh],
  storer: [],
  distributor: [],
  notifier: [requests.status],
}

function daemonPublish(daemon: Daemon): string[] {
  // The names of all streams in one answer: what of its own is gone.
  const looks = ['$JS.API.INFO', '$JS.API.STREAM.NAMES', lostSubject(daemon)]
  return [...looks, ...sees(streams.tokens), ...rows[daemon]()]
}

const rows: Record<Daemon, () => string[]> = {
  refresher: () => [
    ...['run.started', 'run.uids', 'token.ready.*.*', 'token.failed.*.*', 'refresh.>'],
    ...owns(streams.tokens),
    ...reads(streams.tokens),
    ...consumes(streams.tokens, consumers.refresherPlan, 'run.started'),
    ...owns(streams.refresh),
    ...reads(streams.refresh),
    ...consumesAll(streams.refresh, consumers.refresher),
    ...[buckets.targets, buckets.uids, buckets.sealed, buckets.leases].flatMap(ownsBucket),
    ...readsBucket(buckets.targets),
    ...writesBucket(buckets.targets, 'refresh.>'),
    ...[
      ...[vaultPauseKey, vaultBudgetKey],
      ...(['run', 'uids', 'bearers'] as const).map(scheduleKey),
    ].flatMap((key) => writesBucket(buckets.targets, key)),
    ...readsBucket(buckets.uids),
    ...writesBucket(buckets.uids),
    ...writesBucket(buckets.sealed),
    ...readsBucket(buckets.leases),
    ...writesBucket(buckets.leases),
    ...readsBucket(buckets.runs),
    // The id minted last, so that ids never run backwards. The rest of the ledger is the notifier's.
    ...writesBucket(buckets.runs, latestRunKey),
    ...readsBucket(buckets.failures),
  ],
  storer: () => [
    ...['token.stored.*.*', 'token.failed.*.*', 'store.>'],
    ...consumes(streams.tokens, consumers.storerPlan, 'token.ready.*.*'),
    ...owns(streams.store),
    ...reads(streams.store),
    ...consumesAll(streams.store, consumers.storer),
    ...readsBucket(buckets.targets),
    ...writesBucket(buckets.targets, 'store.>'),
    ...[vaultPauseKey, vaultBudgetKey].flatMap((key) => writesBucket(buckets.targets, key)),
    ...readsBucket(buckets.leases),
    ...writesBucket(buckets.leases),
  ],
  distributor: () => [
    ...['token.pushed.*.*', 'token.failed.*.*', 'push.>'],
    ...consumes(streams.tokens, consumers.distributorPlan, 'token.ready.*.*'),
    ...consumes(streams.tokens, consumers.distributorPlanStored, 'token.stored.*.*'),
    ...owns(streams.push),
    ...reads(streams.push),
    ...consumesAll(streams.push, consumers.distributor),
    ...readsBucket(buckets.targets),
    ...writesBucket(buckets.targets, 'push.>'),
    ...readsBucket(buckets.sealed),
  ],
  notifier: () => [
    ...['run.finished', 'notify.>'],
    ...reads(streams.tokens),
    ...consumesAll(streams.tokens, consumers.notifier),
    ...owns(streams.notify),
    ...consumesAll(streams.notify, consumers.notifierOutbox),
    ...owns(streams.dead),
    ...consumesAll(streams.dead, consumers.notifierDead),
    ...[buckets.runs, buckets.failures].flatMap(ownsBucket),
    ...readsBucket(buckets.runs),
    ...writesBucket(buckets.runs),
    ...readsBucket(buckets.failures),
    ...writesBucket(buckets.failures),
    ...readsBucket(buckets.targets),
  ],
}

const tokensConsumers = [
  consumers.refresherPlan,
  consumers.storerPlan,
  consumers.distributorPlan,
  consumers.distributorPlanStored,
  consumers.notifier,
]

/** Asks and watches; cannot make a fact, cannot touch a daemon's consumer, cannot read a bucket. */
const operator: NatsPermissions = {
  publish: [
    'managed-tokens.>',
    '$SRV.>',
    ...['INFO', 'STREAM.NAMES', 'STREAM.LIST', 'STREAM.INFO.*'].map((call) => `$JS.API.${call}`),
    ...['NAMES.*', 'LIST.*', 'INFO.*.*'].map((call) => `$JS.API.CONSUMER.${call}`),
    ...[streams.tokens, streams.dead].flatMap((stream) => [...reads(stream), ...consumesOnTheFly(stream)]),
  ],
  denyPublish: [
    ...tokensConsumers.flatMap((name) => touches(streams.tokens, name)),
    ...touches(streams.dead, consumers.notifierDead),
  ],
  // The daemons have prefixes of their own: under plain `_INBOX` are only what operators asked for.
  subscribe: ['token.>', 'run.>', '_INBOX.>', `${inboxPrefix('operator')}.>`],
  allowResponses: false,
}

function api(call: string): string {
  return `$JS.API.${call}`
}

function sees(stream: string): string[] {
  return [api(`STREAM.INFO.${stream}`)]
}

function owns(stream: string): string[] {
  return [...sees(stream), api(`STREAM.CREATE.${stream}`), api(`STREAM.UPDATE.${stream}`)]
}

/** Single messages, by sequence or the last of a subject, from the leader: no stream or bucket here allows direct gets. */
function reads(stream: string): string[] {
  return [...sees(stream), api(`STREAM.MSG.GET.${stream}`)]
}

/** A durable consumer under exactly this filter: the server compares the filter in the subject with the one it makes. */
function consumes(stream: StreamName, consumer: ConsumerName, filter: string): string[] {
  return [api(`CONSUMER.CREATE.${stream}.${consumer}.${filter}`), ...takes(stream, consumer)]
}

/** A durable consumer of everything in the stream. */
function consumesAll(stream: StreamName, consumer: ConsumerName): string[] {
  return [
    api(`CONSUMER.CREATE.${stream}.${consumer}`),
    api(`CONSUMER.CREATE.${stream}.${consumer}.>`),
    ...takes(stream, consumer),
  ]
}

/** Pulls and acks, and what goes to the dead letters on the way. */
function takes(stream: StreamName, consumer: ConsumerName): string[] {
  return [
    ...sees(stream),
    api(`CONSUMER.INFO.${stream}.${consumer}`),
    api(`CONSUMER.DELETE.${stream}.${consumer}`),
    api(`CONSUMER.MSG.NEXT.${stream}.${consumer}`),
    `$JS.ACK.${stream}.${consumer}.>`,
    `dead.${stream.toLowerCase()}.${consumer}`,
  ]
}

/** Consumers under names the client makes up, which the server removes when nobody listens. */
function consumesOnTheFly(stream: string): string[] {
  return [
    api(`CONSUMER.CREATE.${stream}`),
    api(`CONSUMER.CREATE.${stream}.>`),
    api(`CONSUMER.INFO.${stream}.*`),
    api(`CONSUMER.DELETE.${stream}.*`),
    api(`CONSUMER.MSG.NEXT.${stream}.*`),
    `$JS.ACK.${stream}.*.>`,
    `$JS.FC.${stream}.>`,
  ]
}

/** All that would change a named consumer or take messages from it. */
function touches(stream: StreamName, consumer: ConsumerName): string[] {
  return [
    api(`CONSUMER.CREATE.${stream}.${consumer}`),
    api(`CONSUMER.CREATE.${stream}.${consumer}.>`),
    api(`CONSUMER.DELETE.${stream}.${consumer}`),
    api(`CONSUMER.MSG.NEXT.${stream}.${consumer}`),
    `$JS.ACK.${stream}.${consumer}.>`,
  ]
}

const ownsBucket = (bucket: BucketName) => owns(`KV_${bucket}`)
const readsBucket = (bucket: BucketName) => [...reads(`KV_${bucket}`), ...consumesOnTheFly(`KV_${bucket}`)]
const writesBucket = (bucket: BucketName, keys = '>') => [...sees(`KV_${bucket}`), `$KV.${bucket}.${keys}`]
