/** Follows a run from the facts on the bus, not by polling: what comes, in order, until the run has finished. */
import type { Subscription } from '@nats-io/nats-core'
import type { RunStatus } from '../services/notifier/status-request.ts'
import type { Bus } from '../shared/bus.ts'
import type { RunFinished, TokenFailed, TokenPushed, TokenReady, TokenStored } from '../shared/messages.ts'
import { requests } from '../shared/subjects.ts'
import { ask } from './connection.ts'
import { RefusedError } from './errors.ts'

/** One thing that happened in a run. */
export type RunNews =
  | { readonly kind: 'ready'; readonly body: TokenReady }
  | { readonly kind: 'stored'; readonly body: TokenStored }
  | { readonly kind: 'pushed'; readonly body: TokenPushed }
  | { readonly kind: 'failed'; readonly body: TokenFailed }
  | { readonly kind: 'finished'; readonly body: RunFinished }

export interface RunFollower extends Disposable {
  /** The news of `run`, also what came before this was asked. Ends after `finished`; `say` hears why nothing comes. */
  follow(run: string, say?: (line: string) => void): AsyncGenerator<RunNews>
}

/** After so much silence the ledger is asked whether the run has ended unheard (milliseconds). */
const silenceMs = 30_000

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
  let complain: (line: string) => void = () => {}
  void wakeOnReconnect()

  /** What was said while the server was away was not heard: the ledger tells whether the run has ended. */
  async function wakeOnReconnect(): Promise<void> {
    for await (const { type } of bus.nc.status()) {
      if (type === 'disconnect') complain('NATS is away: waiting until it is back.')
      if (type === 'reconnect') arrived.resolve()
    }
  }

  return {
    async *follow(run, say = () => {}) {
      complain = say
      for (let next = 0, warned = false; ; ) {
        while (next < news.length) {
          const one = news[next++]
          if (one?.body.run !== run) continue
          yield one
          if (one.kind === 'finished') return
        }
        arrived = Promise.withResolvers()
        const silence = setTimeout(arrived.resolve, silenceMs)
        await arrived.promise
        clearTimeout(silence)
        if (next < news.length) continue
        const found = await askLedger(bus, run)
        if (found === 'finished') return
        if (found === 'no-answer' && !warned) {
          say('The notifier does not answer, and only it tells when a run has ended: is it running?')
          warned = true
        }
      }
    },
    [Symbol.dispose]() {
      for (const subscription of subscriptions) subscription.unsubscribe()
    },
  }
}

async function askLedger(bus: Bus, run: string): Promise<'finished' | 'under-way' | 'no-answer'> {
  try {
    const { finished } = await ask<RunStatus>(bus, requests.status, { run })
    return finished ? 'finished' : 'under-way'
  } catch (error) {
    return error instanceof RefusedError && error.code !== 'no-answer' ? 'under-way' : 'no-answer'
  }
}
