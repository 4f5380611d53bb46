/**
 * Leaves a server on which JetStream has fallen silent for another one: a server that is cut off from its cluster goes on
 * taking connections, and answers nothing that needs the others.
 */
import type { Logger } from 'pino'
import type { Bus } from '../bus/connect.ts'
import { jetStreamUp } from '../telemetry/metrics/metrics.ts'

/** All in milliseconds. */
export interface SilenceTiming {
  /** From one look to the next, where there is another server to go to. */
  readonly everyMs: number
  /** Where there is none, and only the metric wants to know. */
  readonly aloneMs: number
  /** So long nothing may be heard of JetStream. */
  readonly silentMs: number
  /** As long as nobody answers anywhere, each next change waits twice as long, up to this. */
  readonly longestMs: number
}
const usual: SilenceTiming = { everyMs: 3_000, aloneMs: 20_000, silentMs: 8_000, longestMs: 60_000 }

/** Looks from now on, until disposed, and says in a metric what it finds. Where only one server is known, there is nowhere to go. */
export function leaveSilentServer(
  { nc, jsm }: Pick<Bus, 'nc' | 'jsm'>,
  servers: readonly string[],
  log: Pick<Logger, 'warn'>,
  { everyMs, aloneMs, silentMs, longestMs }: SilenceTiming = usual,
): Disposable {
  const isAlone = () => servers.length + (nc.info?.connect_urls?.length ?? 0) < 2
  let heardAt = performance.now()
  let patienceMs = silentMs
  const look = async () => {
    const isHeard = await jsm.getAccountInfo().then(
      () => true,
      () => false,
    )
    jetStreamUp.set(isHeard ? 1 : 0)
    const now = performance.now()
    if (isHeard) {
      heardAt = now
      patienceMs = silentMs
    }
    if (isAlone() || now - heardAt < patienceMs || nc.isClosed()) return
    log.warn(
      { server: nc.getServer() },
      'JetStream does not answer on this server: connecting to another one',
    )
    heardAt = now
    patienceMs = Math.min(longestMs, patienceMs * 2)
    await nc.reconnect().catch(() => undefined)
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
