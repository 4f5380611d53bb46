/**
 * Leaves a server that is cut off from its cluster for one that is not: it goes on taking connections, and for many seconds
 * answers what it can from memory, but nothing that it is told is kept.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { JetStreamApiError, type StreamInfo } from '@nats-io/jetstream'
import type { Logger } from 'pino'
import type { Bus } from '../bus/connect.ts'
import { streams } from '../contracts/subjects.ts'
import { jetStreamUp } from '../telemetry/metrics/metrics.ts'

/** All in milliseconds. */
export interface SilenceTiming {
  /** From one look to the next, where there is another server to go to. */
  readonly everyMs: number
  /** Where there is none, and only the metric wants to know. */
  readonly aloneMs: number
  /** So long an answer is waited for. */
  readonly answerMs: number
  /** After so long another server is tried even where none is known to be better. */
  readonly silentMs: number
  /** As long as nobody answers anywhere, each next such change waits twice as long, up to this. */
  readonly longestMs: number
}
const usual: SilenceTiming = {
  ...{ everyMs: 1_500, aloneMs: 20_000, answerMs: 2_000 },
  ...{ silentMs: 15_000, longestMs: 60_000 },
}

/** Those who keep a stream hear from each other every second; who was not heard for so long is away (nanoseconds). */
const awayNs = 3_000_000_000

type Looked = Pick<Bus, 'nc' | 'jsm' | 'visit' | 'moveTo'>

/** Looks from now on, until disposed, and says in a metric what it finds. Where only one server is known, there is nowhere to go. */
export function leaveSilentServer(
  bus: Looked,
  servers: readonly string[],
  log: Pick<Logger, 'warn'>,
  timing: SilenceTiming = usual,
): Disposable {
  const { nc } = bus
  const { everyMs, aloneMs, answerMs, silentMs, longestMs } = timing
  const known = () => [...servers, ...(nc.info?.connect_urls ?? [])]
  const isAlone = () => known().length < 2
  let wellAt = performance.now()
  let patienceMs = silentMs
  let isSaid = false
  const look = async () => {
    // With a full disk, a stream is still told of, and nothing else.
    const isWell = (await worksHere(bus, answerMs)) && (!isAlone() || (await saysItsAccount(bus, answerMs)))
    jetStreamUp.set(isWell ? 1 : 0)
    if (isWell) {
      wellAt = performance.now()
      patienceMs = silentMs
    }
    if (!isWell && isAlone() && !isSaid && !nc.isClosed())
      log.warn(
        { server: nc.getServer() },
        'JetStream does not answer, and no other server is known: nothing is done until it does. Is its disk full? One that "managed-tokens up" runs starts again when there is room; any other is to be started again then',
      )
    isSaid = !isWell
    if (isWell || isAlone() || nc.isClosed()) return
    // While leaders are being elected it works nowhere, and the next one may be the one that is cut off.
    const better = await findWorking(bus, known(), answerMs)
    const isTooLong = performance.now() - wellAt >= patienceMs
    if (nc.isClosed() || !(better || isTooLong)) return
    // On a busy machine an answer may only be late.
    if (better && (await worksHere(bus, answerMs))) return
    log.warn(
      { server: nc.getServer(), ...(better ? { to: better } : {}) },
      'JetStream does not work on this server: connecting to another one',
    )
    if (!better) patienceMs = Math.min(longestMs, patienceMs * 2)
    wellAt = performance.now()
    await (better ? bus.moveTo(better) : nc.reconnect()).catch(() => undefined)
  }
  let timer: NodeJS.Timeout
  let isOver = false
  const lookLater = () => {
    if (isOver) return
    timer = setTimeout(() => void look().then(lookLater), isAlone() ? aloneMs : everyMs)
  }
  lookLater()
  return {
    [Symbol.dispose]() {
      isOver = true
      clearTimeout(timer)
    },
  }
}

/** The first of these servers, but for the one in use, on which JetStream works now. */
async function findWorking(
  bus: Looked,
  servers: readonly string[],
  withinMs: number,
): Promise<string | undefined> {
  const others = servers.filter((server) => !server.endsWith(bus.nc.getServer()))
  const visit = async (server: string) => {
    const { nc, jsm } = await bus.visit(server)
    try {
      if (nc.getServer() !== bus.nc.getServer() && (await worksHere({ jsm }, withinMs))) return nc.getServer()
      throw new Error('no better')
    } finally {
      void nc.close()
    }
  }
  return Promise.any(others.map(visit)).catch(() => undefined)
}

/**
 * The account's own information is no use for this: the leader of all leaders goes on giving it for up to twenty seconds
 * after it was cut off.
 */
async function worksHere({ jsm }: Pick<Bus, 'jsm'>, withinMs: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>()
  const timer = setTimeout(resolve, withinMs, false)
  const asked = jsm.streams.info(streams.tokens).then(hasQuorum, isJetStreams)
  return Promise.race([asked, late]).finally(() => clearTimeout(timer))
}

async function saysItsAccount({ jsm }: Pick<Bus, 'jsm'>, withinMs: number): Promise<boolean> {
  const answered = jsm.getAccountInfo().then(() => true, isJetStreams)
  return Promise.race([answered, sleep(withinMs, false, { ref: false })])
}

/** A leader without the majority of those who keep the stream leads nobody. Pure. */
export function hasQuorum({ cluster }: Pick<StreamInfo, 'cluster'>): boolean {
  if (!cluster) return true
  const others = cluster.replicas ?? []
  const inSight = 1 + others.filter(({ active }) => active < awayNs).length
  return Boolean(cluster.leader) && inSight > (others.length + 1) / 2
}

/** Any answer will do, such as that the stream is not there, but that JetStream is not available. */
const isJetStreams = (error: unknown) => error instanceof JetStreamApiError && error.status !== 503
