/** One run of everything on a refresher's site. */
import { ask } from '../../cli/bus/connection.ts'
import { requests } from '../../shared/contracts/subjects.ts'
import type { RefresherSite } from './refresher-site.ts'

/** Many times what a run takes (milliseconds). */
const patienceMs = 20 * 60_000

/** Asks for a run; how long it takes from then on until the last entry's token is ready (milliseconds). */
export async function runEverything({ bus, entryCount }: RefresherSite): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  let ready = 0
  const hear = (subject: string, callback: () => void) => bus.nc.subscribe(subject, { callback })
  const heard = [
    // As they are emitted: asking the stream would cost the server more than the run does.
    hear('token.ready.*.*', () => {
      ready += 1
      if (ready === entryCount) resolve(performance.now())
    }),
    hear('token.failed.*.*', () => reject(new Error('an entry failed: see refresher.log'))),
  ]
  const timer = setTimeout(
    () => reject(new Error(`only ${ready} of ${entryCount} tokens in time`)),
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
