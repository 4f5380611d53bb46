/** Every subject that anybody might try on the bus: one example of each kind of ours, and every request of JetStream's API. */

import { natsUsers, permissionsMark } from '../../../shared/bus/permissions.ts'
import {
  type BucketName,
  bucketStream,
  buckets,
  type ConsumerName,
  consumers,
  daemons,
  requests,
  type StreamName,
  streams,
} from '../../../shared/contracts/subjects.ts'

const entry = 'dune.production'

/** What lies in each bucket, one key of each kind, and one that nobody writes. */
const keys: Record<BucketName, readonly string[]> = {
  targets: [
    ...[`refresh.${entry}`, `store.${entry}.credd1`, `push.${entry}.node1`],
    ...['vault.pause', 'vault.budget', 'schedule.run', 'schedule.uids', 'schedule.bearers', 'other'],
  ],
  runs: ['latest', '01J', '01J.dune', 'open.runs', 'news.x', 'telling.now', 'told.x', 'sent.x'],
  failures: ['dune=5Fproduction.push.node1', 'warned.push', 'silence', 'configuration'],
  uids: ['dunepro'],
  sealed: ['dune=5Fproduction'],
  leases: ['storer', 'other'],
  logins: ['dune=5Fproduction'],
  revoked: ['list', 'other'],
}

/** Where each durable consumer takes its messages from. */
export const durables: Record<ConsumerName, StreamName> = {
  'refresher-plan': 'TOKENS',
  refresher: 'REFRESH',
  'storer-plan': 'TOKENS',
  storer: 'STORE',
  'distributor-plan': 'TOKENS',
  'distributor-plan-stored': 'TOKENS',
  distributor: 'PUSH',
  notifier: 'TOKENS',
  'notifier-outbox': 'NOTIFY',
  'notifier-dead': 'DEAD',
}

const allStreams = [...Object.values(streams), ...Object.values(buckets).map(bucketStream), 'FOREIGN']
const allConsumers = [...Object.values(consumers), 'oc_made_up_1']

const messages: readonly string[] = [
  ...['ready', 'stored', 'pushed', 'removed', 'failed', 'other'].map((fact) => `token.${fact}.${entry}`),
  ...['started', 'finished', 'uids', 'other'].map((fact) => `run.${fact}`),
  ...[`refresh.${entry}`, `store.${entry}.credd1`, `push.${entry}.node1`],
  ...['email', 'slack', 'webhook'].map((channel) => `notify.${channel}.admin`),
  ...Object.entries(durables).map(([consumer, stream]) => `dead.${stream.toLowerCase()}.${consumer}`),
  ...daemons.map((daemon) => `dead.lost.${daemon}`),
  ...Object.values(buckets).flatMap((bucket) => keys[bucket].map((key) => `$KV.${bucket}.${key}`)),
  '$KV.foreign.key',
]

const requestsOfOurs: readonly string[] = [
  ...Object.values(requests),
  ...[
    'managed-tokens.other',
    'managed-tokens-permissions.x',
    permissionsMark,
    '$SRV.PING',
    '$SRV.INFO.managed-tokens-storer',
    '$SRV.STATS',
  ],
]

const replies: readonly string[] = [
  ...natsUsers.map((user) => `_INBOX_${user}.x.y`),
  ...['_INBOX.x.y', '_R_.x.y', 'elsewhere.x'],
]

/** What JetStream's consumers and the server itself listen to besides the API. */
const protocol: readonly string[] = [
  ...allStreams.flatMap((stream) => [
    ...allConsumers.map((consumer) => `$JS.ACK.${stream}.${consumer}.1.2.3.4.5`),
    `$JS.FC.${stream}.x.y`,
  ]),
  ...['$JSC.R.x', '$JS.EVENT.ADVISORY.API', '$SYS.REQ.USER.INFO', '$SYS.REQ.SERVER.PING', '$SYS.ACCOUNT.X'],
]

const filters = ['token.ready.*.*', 'token.stored.*.*', 'run.started', '>', '$KV.runs.>', '$KV.targets.>']

/** Every request of the API (nats-server 2.12), without its prefix. */
const apiCalls: readonly string[] = [
  ...['INFO', 'ACCOUNT.PURGE.X', 'META.LEADER.STEPDOWN', 'SERVER.REMOVE', 'STREAM.NAMES', 'STREAM.LIST'],
  ...['STREAM.TEMPLATE.CREATE.X', 'STREAM.TEMPLATE.NAMES', 'ACCOUNT.STREAM.MOVE.X.TOKENS'],
  ...allStreams.flatMap((stream) => [
    ...['CREATE', 'UPDATE', 'DELETE', 'PURGE', 'INFO', 'SNAPSHOT', 'RESTORE', 'MSG.GET', 'MSG.DELETE'].map(
      (verb) => `STREAM.${verb}.${stream}`,
    ),
    ...['LEADER.STEPDOWN', 'PEER.REMOVE'].map((verb) => `STREAM.${verb}.${stream}`),
    ...[`DIRECT.GET.${stream}`, `DIRECT.GET.${stream}.token.ready.dune.production`],
    ...['CREATE', 'NAMES', 'LIST'].map((verb) => `CONSUMER.${verb}.${stream}`),
    ...allConsumers.flatMap((consumer) => [
      ...['CREATE', 'DURABLE.CREATE', 'INFO', 'DELETE', 'MSG.NEXT'].map(
        (verb) => `CONSUMER.${verb}.${stream}.${consumer}`,
      ),
      ...['PAUSE', 'UNPIN', 'RESET', 'LEADER.STEPDOWN'].map(
        (verb) => `CONSUMER.${verb}.${stream}.${consumer}`,
      ),
      ...filters.map((filter) => `CONSUMER.CREATE.${stream}.${consumer}.${filter}`),
    ]),
  ]),
]

/** What somebody might publish on: some thousands. */
export const everySubject: readonly string[] = [
  ...[...messages, ...requestsOfOurs, ...replies, ...protocol],
  ...['$JS.API', 'managed-tokens-js'].flatMap((prefix) => apiCalls.map((call) => `${prefix}.${call}`)),
]

/** What somebody might listen to: the same, and whatever holds more than one of them. */
export const everyInterest: readonly string[] = [
  ...[...messages, ...requestsOfOurs, ...replies],
  ...['>', '*', '*.>', 'token.>', 'token.*.*.*', 'run.>', 'run.*', '$KV.>', '$KV.*.latest', '$JS.>'],
  ...['_INBOX.>', '_INBOX_*.>', '_R_.>', 'managed-tokens.>', 'notify.>', 'push.>', '$SRV.>', '$SYS.>'],
  ...natsUsers.map((user) => `_INBOX_${user}.>`),
  ...['$JS.API.>', '$JS.API.STREAM.INFO.TOKENS', '$JS.ACK.>', '$JS.EVENT.>', 'managed-tokens-js.>'],
]
