/** Looks for the streams and buckets that a daemon owns, and makes again what somebody has removed: losing a bucket breaks no pull. */
import type { Logger } from 'pino'
import type { Daemon } from '../../contracts/subjects.ts'
import { type Bus, onStatus } from '../connect.ts'
import { findDamaged } from './damage.ts'
import { reportLoss } from './report-loss.ts'
import { ensureStream, isMissing, ownedBy } from './topology.ts'

export interface RestoreDeps {
  readonly bus: Bus
  readonly log: Logger
}

/** How long something may be gone unseen (milliseconds): an idle daemon asks one small question each time. */
const everyMs = 20_000

/**
 * Looks now and then, and when the bus is back. Begun once everything was made (`ensureOwned`): what is missing from then
 * on is lost, and is told. Disposing ends it.
 */
export function watchOwned(daemon: Daemon, { bus, log }: RestoreDeps, lookEveryMs = everyMs): Disposable {
  let isAway = false
  let isOver = false
  const look = async () => {
    if (isAway) return
    await restoreOwned(daemon, { bus, log }).catch((error: Error) => {
      if (!isAway && !isOver)
        log.warn({ reason: error.message }, 'could not look for what is missing on the bus: trying again')
    })
  }
  const timer = setInterval(look, lookEveryMs)
  const tell = () => void tellDamaged(daemon, { bus, log }).catch(() => undefined)
  tell()
  const connection = onStatus(bus.nc, {
    disconnect() {
      isAway = true
    },
    reconnect() {
      isAway = false
      void look()
      tell()
    },
  })
  return {
    [Symbol.dispose]() {
      isOver = true
      clearInterval(timer)
      connection[Symbol.dispose]()
    },
  }
}

/** A daemon may remove nothing: whoever had its key could. */
async function tellDamaged(daemon: Daemon, { bus, log }: RestoreDeps): Promise<void> {
  for (const { kind, name } of await findDamaged(bus, ownedBy(daemon)))
    log.error(
      { damaged: name },
      `${kind} ${name} is damaged on the disk of nats-server, which finds nothing in it: where "managed-tokens up" does not run that server, "managed-tokens bus upgrade" has it made again`,
    )
}

/** Looks under way: whoever asks meanwhile gets the same answer, and nothing is told twice. */
const looks = new WeakMap<Bus, Promise<void>>()

/** Makes again what `daemon` owns and what is gone, and tells of it. */
export function restoreOwned(daemon: Daemon, deps: RestoreDeps): Promise<void> {
  const { bus } = deps
  const looking = looks.get(bus) ?? restore(daemon, deps).finally(() => looks.delete(bus))
  looks.set(bus, looking)
  return looking
}

async function restore(daemon: Daemon, { bus, log }: RestoreDeps): Promise<void> {
  const there = new Set<string>()
  for await (const name of bus.jsm.streams.names()) there.add(name)
  for (const { kind, name, plan } of ownedBy(daemon)) {
    const stream = plan.config.name
    if (there.has(stream)) continue
    // A replica may have been faster: it tells then.
    if (!(await isMissing(() => bus.jsm.streams.info(stream)))) continue
    await ensureStream(bus, plan)
    const { created } = await bus.jsm.streams.info(stream)
    reportLoss({ kind, name, madeAgain: created }, daemon, { bus, log })
  }
}
