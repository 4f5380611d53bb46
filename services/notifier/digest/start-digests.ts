/** Keeps news, and is the one place that sends it: as digests, when it has been quiet for a moment. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Bus } from '../../../shared/bus/connect.ts'
import { publishAll } from '../../../shared/bus/publish.ts'
import { readUnheard } from '../ledger/unheard.ts'
import { addNews, type NewsKeeper } from '../news/news-store.ts'
import { type DigestDeps, sendDigests } from './send-digests.ts'
import { sendAt, usualPause, type Waiting, withUnheard } from './when-to-send.ts'

export interface Digests extends NewsKeeper, AsyncDisposable {
  /** Sends what another notifier has kept and not sent, where there is any. */
  wake(): void
}

/** Before it is tried again (milliseconds). */
const againMs = 1_000

export function startDigests(
  deps: Omit<DigestDeps, 'publish'> & { readonly bus: Bus; readonly log: Logger },
  pause = usualPause,
): Digests {
  const { bus, runs, log } = deps
  const stop = new AbortController()
  /** Digests are no part of the message that woke us: neither of its trace nor of its log lines. */
  const outside = AsyncLocalStorage.snapshot()
  let waiting: Waiting | undefined
  let sending = Promise.resolve()

  function wake(): void {
    const now = performance.now()
    const isFirst = waiting === undefined
    waiting = { first: waiting?.first ?? now, last: now }
    if (isFirst) sending = outside(() => sending.then(sendWhenQuiet).catch(tryAgain))
  }

  async function sendWhenQuiet(): Promise<void> {
    let isTime = false
    while (waiting && !isTime) {
      await sleep(Math.max(0, sendAt(waiting, pause) - performance.now()), undefined, { signal: stop.signal })
      const backlog = await readUnheard(bus, new Date())
      waiting = withUnheard(waiting, backlog, performance.now())
      isTime = sendAt(waiting, pause) <= performance.now()
    }
    // Before it is looked for: what comes meanwhile waits for the next time.
    waiting = undefined
    await sendDigests({ ...deps, publish: (messages) => publishAll(bus, messages) }, new Date())
  }

  async function tryAgain(error: unknown): Promise<void> {
    waiting = undefined
    if (stop.signal.aborted) return
    log.warn({ err: error }, 'could not send what is new: trying again')
    setTimeout(wake, againMs)
  }

  return {
    wake,
    async add(id, pieces) {
      await addNews(runs, id, pieces)
      wake()
    },
    /** What is being sent is sent to its end. */
    async [Symbol.asyncDispose]() {
      stop.abort()
      await sending
    },
  }
}
