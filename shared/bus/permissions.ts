/** Who may say and hear what on the bus: for each user just what its row of the design needs. Pure; checked by the server. */
import { createHash } from 'node:crypto'
import {
  type BucketName,
  bucketStream,
  buckets,
  type ConsumerName,
  consumers,
  type Daemon,
  daemons,
  latestRunKey,
  lostSubject,
  requests,
  revokedKey,
  type StreamName,
  scheduleKey,
  streams,
  vaultBudgetKey,
  vaultPauseKey,
} from '../contracts/subjects.ts'

/** People with the command line or the `nats` program: each has an account of its own, and reaches the daemons by imports alone. */
export const people = ['operator', 'responder'] as const
export type Person = (typeof people)[number]

/** A user of the bus: a daemon, the one that brings streams up to date, or a person. */
export const natsUsers = [...daemons, 'admin', ...people] as const
export type NatsUser = (typeof natsUsers)[number]

export const isPerson = (user: string): user is Person => people.some((person) => person === user)

export interface NatsPermissions {
  /** Subjects (NATS wildcards) the user may publish to; everything else is refused. */
  readonly publish: readonly string[]
  /** Of these, what it may not. */
  readonly deny?: readonly string[]
  readonly subscribe: readonly string[]
}

/** What a person reaches of the daemons' account. A reply subject is one of the person's own account, whatever it says. */
export interface Imports {
  /** Requests, `subject` in the daemons' account and `to` in the person's; `many`: several may answer. */
  readonly services: readonly { readonly subject: string; readonly to: string; readonly many: boolean }[]
  /** What is heard of what is published there. */
  readonly streams: readonly string[]
}

/** What the server is told about `user`. With a domain of JetStream, the same under its name as well. */
export function permissionsOf(user: NatsUser, domain?: string): NatsPermissions {
  if (isPerson(user)) return personPermissions(user)
  const plain = user === 'admin' ? admin : daemonPermissions(user)
  return domain ? inDomain(plain, domain) : plain
}

/**
 * Values of buckets go by the same way as questions do. A leaf node passes facts on only to a user who may publish on every
 * subject that the stream has: what is not this user's is denied.
 */
function inDomain({ publish, subscribe }: NatsPermissions, domain: string): NatsPermissions {
  const prefix = domainPrefix(domain)
  const others = daemons.flatMap((daemon) => daemonPermissions(daemon).publish).filter(isFact)
  return {
    publish: [
      ...publish,
      ...publish
        .filter((subject) => subject.startsWith(`${daemonApi}.`))
        .map((subject) => prefix + subject.slice(daemonApi.length)),
      ...publish.filter((subject) => subject.startsWith('$KV.')).map((subject) => `${prefix}.${subject}`),
      ...(publish.some(isFact) ? [allFacts] : []),
    ],
    deny: publish.some(isFact) ? others.filter((subject) => !publish.includes(subject)) : [],
    subscribe,
  }
}

const allFacts = 'token.*.*.*'
const isFact = (subject: string) => subject.startsWith('token.')

/** The prefix of a user's inboxes. Each user hears its own only, so nobody reads answers meant for another. */
export const inboxPrefix = (user: NatsUser) => `_INBOX_${user}`

/** Where JetStream's API is for a user: an account with imports of its own names has to map it. */
export const jetStreamPrefix = (user: string, domain?: string) =>
  isPerson(user) ? personApi : domain ? domainPrefix(domain) : daemonApi
const daemonApi = '$JS.API'
const domainPrefix = (domain: string) => `$JS.${domain}.API`
const personApi = 'managed-tokens-js'

/**
 * Answers go where an import maps them, and nowhere else: `allow_responses` would let a daemon be made to write wherever
 * an asker says.
 */
const mappedReplies = '_R_.>'

const daemonPermissions = (daemon: Daemon): NatsPermissions => ({
  // The names of all streams in one answer: what of its own is gone.
  publish: [
    ...[api('INFO'), api('STREAM.NAMES'), lostSubject(daemon), mappedReplies],
    ...sees(streams.tokens),
    ...rows[daemon](),
  ],
  subscribe: [`${inboxPrefix(daemon)}.>`, '$SRV.>', 'run.*', ...answers[daemon]],
})

const answers: Record<Daemon, readonly string[]> = {
  refresher: [requests.run, requests.services, requests.uidsRefresh, requests.revoke, requests.restore],
  storer: [],
  distributor: [],
  notifier: [requests.status, requests.history],
}

const rows: Record<Daemon, () => string[]> = {
  refresher: () => [
    ...['run.started', 'run.uids', 'token.ready.*.*', 'token.removed.*.*', 'token.failed.*.*', 'refresh.>'],
    // What takes a token away waits in their queues also while they are away.
    ...['store.>', 'push.>', ...reads(streams.store), ...reads(streams.push)],
    ...owns(streams.tokens),
    ...reads(streams.tokens),
    ...consumes(streams.tokens, consumers.refresherPlan, 'run.started'),
    ...owns(streams.refresh),
    ...reads(streams.refresh),
    ...consumesAll(streams.refresh, consumers.refresher),
    ...[buckets.targets, buckets.uids, buckets.sealed, buckets.leases].flatMap(ownsBucket),
    ...[buckets.logins, buckets.revoked].flatMap(ownsBucket),
    ...readsBucket(buckets.revoked),
    ...writesBucket(buckets.revoked, revokedKey),
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
    ...readsBucket(buckets.logins),
    ...writesBucket(buckets.logins),
    ...readsBucket(buckets.runs),
    // The id minted last, so that ids never run backwards. The rest of the ledger is the notifier's.
    ...writesBucket(buckets.runs, latestRunKey),
    ...readsBucket(buckets.failures),
  ],
  storer: () => [
    ...['token.stored.*.*', 'token.removed.*.*', 'token.failed.*.*', 'store.>'],
    ...readsBucket(buckets.revoked),
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
    ...['token.pushed.*.*', 'token.removed.*.*', 'token.failed.*.*', 'push.>'],
    ...readsBucket(buckets.revoked),
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
    ...[buckets.targets, buckets.uids, buckets.revoked].flatMap(readsBucket),
  ],
}

/**
 * Changes the streams and buckets that are there, and removes what cannot be changed. No daemon may: whoever holds its key
 * would hear and say everything.
 */
const admin: NatsPermissions = {
  publish: [
    ...[api('INFO'), api('STREAM.NAMES'), api('STREAM.INFO.*')],
    ...[...Object.values(streams), ...Object.values(buckets).map(bucketStream)].flatMap((stream) => [
      api(`STREAM.UPDATE.${stream}`),
      api(`STREAM.DELETE.${stream}`),
    ]),
  ],
  subscribe: [`${inboxPrefix('admin')}.>`],
}

/** Only who answers for what they stop. */
const responderRequests: readonly string[] = [requests.revoke, requests.restore]

/**
 * What a person asks and watches. Of JetStream nothing that makes a consumer: the messages of one go to whatever subject of
 * the daemons' account its maker names.
 */
export function importsOf(person: Person): Imports {
  const asks = Object.values(requests).filter(
    (subject) => person === 'responder' || !responderRequests.includes(subject),
  )
  return {
    services: [
      ...asks.map((subject) => ({ subject, to: subject, many: false })),
      { subject: '$SRV.>', to: '$SRV.>', many: true },
      ...looks.map((call) => ({ subject: api(call), to: `${personApi}.${call}`, many: false })),
    ],
    streams: ['token.>', 'run.>'],
  }
}

const looks = [
  ...['INFO', 'STREAM.NAMES', 'STREAM.LIST', 'STREAM.INFO.*'],
  ...['NAMES.*', 'LIST.*', 'INFO.*.*'].map((call) => `CONSUMER.${call}`),
  ...[streams.tokens, streams.dead].map((stream) => `STREAM.MSG.GET.${stream}`),
]

const personPermissions = (person: Person): NatsPermissions => ({
  publish: [...importsOf(person).services.map(({ to }) => to), permissionsMark],
  // Under plain `_INBOX` are only what this person asked for with the `nats` program.
  subscribe: [...importsOf(person).streams, '_INBOX.>', `${inboxPrefix(person)}.>`],
})

function api(call: string): string {
  return `${daemonApi}.${call}`
}

function sees(stream: string): string[] {
  return [api(`STREAM.INFO.${stream}`)]
}

function owns(stream: string): string[] {
  return [...sees(stream), api(`STREAM.CREATE.${stream}`)]
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
  return [api(`CONSUMER.CREATE.${stream}.${consumer}`), ...takes(stream, consumer)]
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

/** Listings and watches: consumers under names the client makes up, with a filter that names keys of the bucket. */
function watches(bucket: BucketName): string[] {
  const stream = bucketStream(bucket)
  return [
    api(`CONSUMER.CREATE.${stream}.*.$KV.${bucket}.>`),
    api(`CONSUMER.INFO.${stream}.*`),
    api(`CONSUMER.DELETE.${stream}.*`),
    `$JS.FC.${stream}.>`,
  ]
}

const ownsBucket = (bucket: BucketName) => owns(bucketStream(bucket))
const readsBucket = (bucket: BucketName) => [...reads(bucketStream(bucket)), ...watches(bucket)]
const writesBucket = (bucket: BucketName, keys = '>') => [
  ...sees(bucketStream(bucket)),
  `$KV.${bucket}.${keys}`,
]

/**
 * Nobody hears this. That a person may publish on it says that the permissions in force are these and no others: its last
 * token is made from all of them.
 */
export const permissionsMark = `managed-tokens-permissions.${createHash('sha256')
  .update(JSON.stringify([daemons.map(daemonPermissions), admin, people.map(importsOf)]))
  .digest('hex')
  .slice(0, 16)}`
