/** Which work is being done, known everywhere below its handler: log lines and metrics say so without being handed it. */
import { AsyncLocalStorage } from 'node:async_hooks'

/** The facts of a message that say whose it is; absent where it has none. */
export interface WorkLabels {
  readonly run?: string | undefined
  readonly entry?: string | undefined
  readonly credd?: string | undefined
  readonly node?: string | undefined
}

const storage = new AsyncLocalStorage<WorkLabels>()

/** Runs `work` as part of what `of` says. */
export const inWork = <T>(of: WorkLabels, work: () => T): T => storage.run(of, work)

/** What is being done here; undefined outside of any message. */
export const currentWork = (): WorkLabels | undefined => storage.getStore()
