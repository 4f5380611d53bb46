/** Pulls messages for ever: a pause of the bus, a stream or a consumer that was removed, nothing ends it but its stop. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Consumer, ConsumerMessages, JsMsg } from '@nats-io/jetstream'
import type { Logger } from 'pino'
import { type Bus, onStatus } from '../../bus/connect.ts'
import { reportLoss } from '../../bus/streams/report-loss.ts'
import { restoreOwned } from '../../bus/streams/restore-owned.ts'
import { isMissing } from '../../bus/streams/topology.ts'
import { type ConsumerName, ownerOf, type StreamName } from '../../contracts/subjects.ts'

export interface PullOptions {
  readonly stream: StreamName
  readonly name: ConsumerName
  readonly consumer: Consumer
  /** Makes the consumer where it is missing. */
  readonly ensure: () => Promise<void>
  /** How many messages to ask for, once there is room for any. */
  readonly room: () => Promise<number>
  readonly accept: (message: JsMsg) => Promise<void>
  readonly bus: Bus
  readonly log: Logger
  readonly stop: AbortSignal
}

export interface Pulling {
  /** When the last pull came to something (monotonic, milliseconds); null while none can. */
  lastPull: number | null
  /** Resolves some time after the stop. */
  readonly ended: Promise<void>
}

/** How long a pull waits, and how often the server says meanwhile that it is still there (milliseconds). */
const pullTimes = { expires: 20_000, idle_heartbeat: 5_000 }
/** After a pull that failed (milliseconds). */
const pauseMs = 500

/** Returns at once. */
export function startPulling(options: PullOptions): Pulling {
  const seen: { lastPull: number | null } = { lastPull: performance.now() }
  return Object.assign(seen, { ended: pullForEver(options, seen) })
}

async function pullForEver(options: PullOptions, seen: { lastPull: number | null }): Promise<void> {
  const { consumer, name, ensure, room, accept, bus, log, stop } = options
  let pull: ConsumerMessages | undefined
  let wasAway = false
  const stopPull = () => pull?.stop()
  stop.addEventListener('abort', stopPull, { once: true })
  // A pull request dies with the server: ask again at once instead of waiting for it to expire.
  using _reconnects = onStatus(bus.nc, {
    reconnect() {
      wasAway = true
      stopPull()
    },
  })
  while (!stop.aborted) {
    const free = await room()
    if (stop.aborted) return
    try {
      if (wasAway) await ensure()
      wasAway = false
      pull = await consumer.fetch({ max_messages: free, ...pullTimes })
      if (stop.aborted) pull.stop()
      for await (const message of pull) {
        seen.lastPull = performance.now()
        await accept(message)
      }
      seen.lastPull = performance.now()
    } catch (error) {
      if (stop.aborted) return
      seen.lastPull = null
      log.warn({ consumer: name, reason: reasonOf(error) }, 'cannot pull messages: trying again')
      await sleep(pauseMs, undefined, { signal: stop }).catch(() => undefined)
      await heal(options).catch((failed) =>
        log.warn({ reason: reasonOf(failed) }, 'could not make again what is missing'),
      )
    }
  }
}

/** A store that was lost, a stream or a consumer that was deleted is made again; the next run fills it. */
async function heal({ stream, name, consumer, ensure, bus, log }: PullOptions): Promise<void> {
  const daemon = ownerOf(name)
  await restoreOwned(daemon, { bus, log })
  const { created: before } = await consumer.info(true)
  const isLost = await isMissing(() => consumer.info())
  await ensure()
  if (!isLost) return
  const { created } = await consumer.info()
  // With its stream it was lost too, and that is told already.
  const { created: streamMade } = await bus.jsm.streams.info(stream)
  if (streamMade < before) reportLoss({ kind: 'consumer', name, madeAgain: created }, daemon, { bus, log })
}

const reasonOf = (error: unknown) => (error as Error).message
