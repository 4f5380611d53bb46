/** Follows a run from the facts on the bus, not by polling: what comes, in order, until the run has finished. */
import type { Subscription } from '@nats-io/nats-core'
import type { RunStatus } from '../services/notifier/status-request.ts'
import type { Bus } from '../shared/bus.ts'
import type { RunFinished, TokenFailed, TokenPushed, TokenReady, TokenStored } from '../shared/messages.ts'
import { requests } from '../shared/subjects.ts'
import { ask } from './connection.ts'

/** One thing that happened in a run. */
export type RunNews =
  | { readonly kind: 'ready'; readonly body: TokenReady }
  | { readonly kind: 'stored'; readonly body: TokenStored }
  | { readonly kind: 'pushed'; readonly body: TokenPushed }
  | { readonly kind: 'failed'; readonly body: TokenFailed }
  | { readonly kind: 'finished'; readonly body: RunFinished }

export interface RunFollower extends Disposable {
  /** The news of `run`, also what came before this was asked. Ends after `finished`. */
  follow(run: string): AsyncGenerator<RunNews>
}

/** Starts listening: before the run is asked for, so that nothing is missed. */
export function listenForRuns(bus: Bus): RunFollower {
  const news: RunNews[] = []
  let arrived = Promise.withResolvers<void>()
  const hear = (subscription: Subscription) => {
    void (async () => {
      for await (const message of subscription) {
        news.push({ kind: message.subject.split('.')[1], body: message.json() } as RunNews)
        arrived.resolve()
      }
    })()
    return subscription
  }
  const subscriptions = [hear(bus.nc.subscribe('token.>')), hear(bus.nc.subscribe('run.finished'))]
  void wakeOnReconnect()

  /** What was said while the server was away was not heard: the ledger tells whether the run has ended. */
  async function wakeOnReconnect(): Promise<void> {
    for await (const status of bus.nc.status()) if (status.type === 'reconnect') arrived.resolve()
  }

  return {
    async *follow(run) {
      for (let next = 0; ; ) {
        while (next < news.length) {
          const one = news[next++]
          if (one?.body.run !== run) continue
          yield one
          if (one.kind === 'finished') return
        }
        arrived = Promise.withResolvers()
        await arrived.promise
        if (next < news.length) continue
        const finished = await finishedMeanwhile(bus, run)
        if (finished) return yield finished
      }
    },
    [Symbol.dispose]() {
      for (const subscription of subscriptions) subscription.unsubscribe()
    },
  }
}

async function finishedMeanwhile(bus: Bus, run: string): Promise<RunNews | undefined> {
  const status = await ask<RunStatus>(bus, requests.status, { run }).catch(() => undefined)
  if (!status?.finished) return undefined
  const { started, finished, totals } = status
  const body = { schema: '1.0', run, at: finished, started, mode: { push: true, notify: true }, totals }
  return { kind: 'finished', body }
}
