/** Ends runs at their deadline: no event says that nothing more will come. */
import type { Logger } from 'pino'
import type { Bus } from '../../shared/bus.ts'
import { publish } from '../../shared/publish.ts'
import { endOverdueRuns, type NotifierDeps } from './handle.ts'

/** How often the clock is looked at (milliseconds). */
const periodMs = 1_000

/** Looks once a second. A failure is tried again at the next look: the ledger is the memory. */
export function keepDeadlines(deps: NotifierDeps, { bus, log }: { bus: Bus; log: Logger }): Disposable {
  let looking = false
  const timer = setInterval(() => {
    if (looking) return
    looking = true
    look()
      .catch((error: unknown) => log.warn({ err: error }, 'could not end overdue runs yet'))
      .finally(() => {
        looking = false
      })
  }, periodMs)

  async function look(): Promise<void> {
    for (const event of await endOverdueRuns(deps, new Date())) await publish(bus, event)
  }

  return { [Symbol.dispose]: () => clearInterval(timer) }
}
