/** One connection to NATS, with JetStream and the KV buckets: opened once per daemon, closed with it. */
import { readFile } from 'node:fs/promises'
import {
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  type StoredMsg,
} from '@nats-io/jetstream'
import { type KV, Kvm } from '@nats-io/kv'
import type { NatsConnection, QueuedIterator, Status } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import type { BucketName, StreamName } from '../contracts/subjects.ts'
import { currentTrust } from '../https/trust.ts'
import { nkeyLogin } from './nkey.ts'
import { jetStreamPrefix } from './permissions.ts'

export interface Bus extends AsyncDisposable {
  readonly nc: NatsConnection
  readonly js: JetStreamClient
  readonly jsm: JetStreamManager
  /** On how many servers of a cluster each stream and bucket shall lie. */
  readonly replicas: number
  /** Opens a bucket that exists (its owner makes it, the others wait for that); the handle is cached. */
  bucket(name: BucketName): Promise<KV>
  /** The last message on a subject, which in a work queue is the one that waits; or null. */
  lastMessage(stream: StreamName, subject: string): Promise<StoredMsg | null>
  /** A second connection, as the same user, to this server alone. Throws when it cannot be reached now. */
  visit(server: string): Promise<Bus>
  /** Gives this connection up for one to that server, as its connection calls it (`getServer`). */
  moveTo(server: string): Promise<void>
}

export interface BusOptions {
  readonly servers: readonly string[]
  /** Who connects: names the connection and its inbox prefix, which its permissions allow. */
  readonly user: string
  readonly seedFile: string
  readonly caFile?: string | undefined
  /** Default: 1. */
  readonly replicas?: number | undefined
  /** JetStream's, where it is reached through a leaf node. */
  readonly domain?: string | undefined
  /** Fail when no server answers now, as a person at a terminal expects. */
  readonly once?: boolean
}

/** TLS is asked for by an authority or by a URL; without an authority of its own the servers' has to be one that is trusted here. */
async function tlsOf({ caFile, servers }: BusOptions) {
  if (caFile) return { tls: { caFile } }
  if (!servers.some((url) => url.startsWith('tls://'))) return {}
  return { tls: { ca: (await currentTrust(undefined)).certificates.join('\n') } }
}

/** Connects, however long the server takes to come up, and reconnects for ever after. Throws when the seed cannot be read. */
export async function connectBus(options: BusOptions): Promise<Bus> {
  const seed = new TextEncoder().encode((await readFile(options.seedFile, 'utf8')).trim())
  let wanted: string | undefined
  const choose = <S extends { readonly listen: string; readonly lastConnect: number }>(
    servers: readonly S[],
  ) => {
    const found = servers.find(({ listen }) => listen === wanted)
    wanted = undefined
    // By itself the client tries the one first that it has just left.
    return found ?? servers.toSorted((a, b) => a.lastConnect - b.lastConnect)[0] ?? null
  }
  const nc = await connect({
    servers: [...options.servers],
    name: `managed-tokens-${options.user}`,
    inboxPrefix: `_INBOX_${options.user}`,
    authenticator: nkeyLogin(seed),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    waitOnFirstConnect: !options.once,
    // A server that comes up with yesterday's keys must not be the end of a daemon that waits for today's.
    ignoreAuthErrorAbort: !options.once,
    // Where there is another server to go to, one that stands still is noticed within ten seconds: two pings without an answer.
    pingInterval: options.servers.length > 1 ? 3_000 : 10_000,
    reconnectToServer: choose,
    // Then the next one is tried; who asks once and knows only one says by itself that nobody answers.
    ...(options.once && options.servers.length === 1 ? {} : { timeout: 4_000 }),
    // An error with its stack would be made for every request, just in case it fails.
    noAsyncTraces: true,
    ...(await tlsOf(options)),
  })
  // KV listings and watches arrive in inboxes too, and those have a prefix option of their own.
  // Where others can take over, a question to one that has gone is soon asked again.
  const timeout = options.servers.length > 1 ? 3_000 : 5_000
  const api = { timeout, apiPrefix: jetStreamPrefix(options.user, options.domain) }
  const js = jetstream(nc, { ...api, watcherPrefix: `_INBOX_${options.user}` })
  const jsm = await jetstreamManager(nc, { ...api, checkAPI: false })
  const kvm = new Kvm(js)
  const open = new Map<BucketName, Promise<KV>>()
  return {
    nc,
    js,
    jsm,
    replicas: options.replicas ?? 1,
    bucket(name) {
      const known = open.get(name)
      if (known) return known
      const opening = kvm.open(name)
      open.set(name, opening)
      // A server that was away for a moment must not be remembered for ever.
      opening.catch(() => open.delete(name))
      return opening
    },
    lastMessage: (stream, subject) => jsm.streams.getMessage(stream, { last_by_subj: subject }),
    visit: (server) => connectBus({ ...options, servers: [server], once: true }),
    moveTo(server) {
      wanted = server
      return nc.reconnect()
    },
    async [Symbol.asyncDispose]() {
      // A server that stands still never says that it has heard the last word: whoever stops hangs up then.
      await Promise.race([nc.drain().catch(() => nc.close()), nc.closed()])
    },
  }
}

type StatusHandlers = {
  readonly [Type in Status['type']]?: (status: Extract<Status, { type: Type }>) => void
}

/** Calls a handler whenever the connection says that, such as `reconnect`, until it is disposed: nothing waits for one more status. */
export function onStatus(nc: Pick<NatsConnection, 'status'>, handlers: StatusHandlers): Disposable {
  // Of what it is the type does not say that it can be stopped while nothing comes.
  const statuses = nc.status() as QueuedIterator<Status>
  let isOver = false
  const follow = async () => {
    for await (const status of statuses) {
      const handle = handlers[status.type] as ((status: Status) => void) | undefined
      if (!isOver) handle?.(status)
    }
  }
  void follow()
  return {
    [Symbol.dispose]() {
      isOver = true
      statuses.stop()
    },
  }
}
