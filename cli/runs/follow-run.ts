/** Follows a run from the facts on the bus, not by polling: what comes, in order, until the run has finished. */
import type { Subscription } from '@nats-io/nats-core'
import type { RunStatus } from '../../services/notifier/ledger/answer-status.ts'
import { type Bus, onStatus } from '../../shared/bus/connect.ts'
import { readMessage } from '../../shared/bus/parse-message.ts'
import {
  type RunFinished,
  runFinished,
  type TokenFailed,
  type TokenPushed,
  type TokenReady,
  type TokenRemoved,
  type TokenStored,
  tokenFailed,
  tokenPushed,
  tokenReady,
  tokenRemoved,
  tokenStored,
} from '../../shared/contracts/messages.ts'
import { cleanTexts } from '../../shared/contracts/one-sentence.ts'
import { requests, subjectTemplate } from '../../shared/contracts/subjects.ts'
import { ask } from '../bus/connection.ts'
import { isNoAnswer, RefusedError } from '../terminal/errors.ts'

/** One thing that happened in a run. */
export type RunNews =
  | { readonly kind: 'ready'; readonly body: TokenReady }
  | { readonly kind: 'stored'; readonly body: TokenStored }
  | { readonly kind: 'pushed'; readonly body: TokenPushed }
  | { readonly kind: 'removed'; readonly body: TokenRemoved }
  | { readonly kind: 'failed'; readonly body: TokenFailed }
  | { readonly kind: 'finished'; readonly body: RunFinished }

export interface RunFollower extends Disposable {
  /** The news of `run`, also what came before this was asked. Ends after `finished`; `say` hears why nothing comes. Throws RefusedError for a user who may not hear them. */
  follow(run: string, say?: (line: string) => void): AsyncGenerator<RunNews>
}

/** After so much silence the ledger is asked whether the run has ended unheard (milliseconds). */
const silenceMs = 30_000

/** Starts listening: before the run is asked for, so that nothing is missed. */
export function listenForRuns(bus: Bus): RunFollower {
  const news: RunNews[] = []
  let arrived = Promise.withResolvers<void>()
  let refused: RefusedError | undefined
  const hear = (subscription: Subscription) => {
    listen(subscription).catch((error: Error) => {
      refused = new RefusedError(
        'no-permission',
        `This user may not look on at runs (${cleanTexts(error.message)}): give it the permissions of an operator (docs/bus.md), or leave --watch out.`,
      )
      arrived.resolve()
    })
    return subscription
  }
  const subscriptions = [hear(bus.nc.subscribe('token.>')), hear(bus.nc.subscribe('run.finished'))]
  let complain: (line: string) => void = () => {}
  // What was said while the server was away was not heard: the ledger tells whether the run has ended.
  const connection = onStatus(bus.nc, {
    disconnect: () => complain('NATS is away: waiting until it is back.'),
    reconnect: () => arrived.resolve(),
  })

  async function listen(subscription: Subscription): Promise<void> {
    for await (const message of subscription) {
      const one = readNews(message.subject, message.data)
      if (!one) continue
      news.push(one)
      arrived.resolve()
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
        if (refused) throw refused
        arrived = Promise.withResolvers()
        const silence = setTimeout(arrived.resolve, silenceMs)
        await arrived.promise
        clearTimeout(silence)
        if (refused || next < news.length) continue
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
      connection[Symbol.dispose]()
    },
  }
}

const known = {
  'token.ready': { kind: 'ready', schema: tokenReady },
  'token.stored': { kind: 'stored', schema: tokenStored },
  'token.pushed': { kind: 'pushed', schema: tokenPushed },
  'token.removed': { kind: 'removed', schema: tokenRemoved },
  'token.failed': { kind: 'failed', schema: tokenFailed },
  'run.finished': { kind: 'finished', schema: runFinished },
} as const

/** The news in a message; undefined where it cannot be read, which the daemons keep among the dead letters. Pure. */
export function readNews(subject: string, data: Uint8Array): RunNews | undefined {
  const template = subjectTemplate(subject)
  if (!Object.hasOwn(known, template)) return undefined
  const { kind, schema } = known[template as keyof typeof known]
  const body = readMessage<RunNews['body']>(schema, data)
  return body && ({ kind, body: cleanTexts(body) } as RunNews)
}

async function askLedger(bus: Bus, run: string): Promise<'finished' | 'under-way' | 'no-answer'> {
  try {
    const { finished } = await ask<RunStatus>(bus, requests.status, { run })
    return finished ? 'finished' : 'under-way'
  } catch (error) {
    const isAway = !(error instanceof RefusedError) || isNoAnswer(error)
    return isAway ? 'no-answer' : 'under-way'
  }
}
