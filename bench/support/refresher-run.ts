/** One run of everything on a refresher's site. */
import type { Msg } from '@nats-io/nats-core'
import { ask } from '../../cli/bus/connection.ts'
import type { TokenFailed } from '../../shared/contracts/messages.ts'
import { requests } from '../../shared/contracts/subjects.ts'
import type { RefresherSite } from './refresher-site.ts'

/** What a run is started on. */
type RunSite = Pick<RefresherSite, 'bus' | 'entryCount'>

/** Many times what a run takes (milliseconds). */
const patienceMs = 20 * 60_000

/** Asks for a run; how long it takes from then on until the last entry's token is ready (milliseconds). */
export async function runEverything({ bus, entryCount }: RunSite): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const ready = new Set<string>()
  const hear = (subject: string, callback: (error: Error | null, message: Msg) => void) =>
    bus.nc.subscribe(subject, { callback })
  const heard = [
    // As they are emitted: asking the stream would cost the server more than the run does.
    hear('token.ready.*.*', (_, { subject }) => {
      ready.add(subject)
      if (ready.size === entryCount) resolve(performance.now())
    }),
    hear('token.failed.*.*', (_, message) => reject(new Error(message.json<TokenFailed>().message))),
  ]
  const timer = setTimeout(
    () => reject(new Error(`only ${ready.size} of ${entryCount} tokens in time`)),
    patienceMs,
  )
  try {
    await bus.nc.flush()
    const started = performance.now()
    await ask(bus, requests.run, {})
    return (await promise) - started
  } finally {
    clearTimeout(timer)
    for (const subscription of heard) subscription.unsubscribe()
  }
}
