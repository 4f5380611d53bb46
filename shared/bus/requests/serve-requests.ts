/** The daemons as NATS micro services (ADR-32): `nats micro ls|info|stats` shows them, and requests get an answer at once. */
import type { NatsConnection, SubscriptionOptions } from '@nats-io/nats-core'
import { type ServiceMsg, Svcm } from '@nats-io/services'
import type { Logger } from 'pino'
import { cleanLine } from '../../contracts/one-sentence.ts'
import type { Daemon } from '../../contracts/subjects.ts'
import { version } from '../../release/version.ts'
import { busNotReady, isBusError } from '../bus-errors.ts'
import type { Bus } from '../connect.ts'

/** A request that is answered with an error: a stable code, and a sentence that says what to do. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

export interface Endpoint {
  /** The endpoint's name in `nats micro info`. */
  readonly name: string
  readonly subject: string
  /** Gets the body (undefined when it is empty) and answers with an object for JSON. */
  readonly answer: (body: unknown) => Promise<object>
}

/** The daemon's name as a micro service: `$SRV.PING.<name>` is answered by each that is there. */
export const microName = (daemon: Daemon) => `managed-tokens-${daemon}`

/** Registers the daemon and its endpoints. */
export async function serveRequests(
  bus: Bus,
  daemon: Daemon,
  endpoints: readonly Endpoint[],
  log: Logger,
): Promise<AsyncDisposable> {
  const service = await new Svcm(answeringInboxes(bus.nc)).add({
    name: microName(daemon),
    version,
    description: descriptions[daemon],
    queue: daemon,
  })
  let answering = 0
  for (const { name, subject, answer } of endpoints)
    service.addEndpoint(name, {
      subject,
      handler(error, message) {
        if (error) return
        if (answering >= mostAtOnce) return refuse(message, 'too-many-requests', tooMany)
        answering += 1
        respond(message, answer, log)
          .catch((unsaid: unknown) => log.error({ err: unsaid }, 'a request could not be answered'))
          .finally(() => {
            answering -= 1
          })
      },
    })
  // Who hears that we are ready may ask at once.
  await bus.nc.flush()
  return {
    async [Symbol.asyncDispose]() {
      await Promise.race([service.stop(), bus.nc.closed()])
    },
  }
}

async function respond(message: ServiceMsg, answer: Endpoint['answer'], log: Logger): Promise<void> {
  try {
    message.respond(JSON.stringify(await answerWith(answer, message.data)))
  } catch (failed) {
    const { code, text } = describeRefusal(failed, log)
    refuse(message, code, text)
  }
}

function refuse(message: ServiceMsg, code: string, text: string): void {
  message.respondError(statusOf[code] ?? 400, text, JSON.stringify({ error: { code, message: text } }))
}

/** As in HTTP; what is not here is about what was asked. */
const statusOf: Readonly<Record<string, number>> = {
  unexpected: 500,
  'bus-not-ready': 503,
  'too-many-requests': 429,
}

/** Requests that a daemon has in hand: the work that it is there for must not wait for its answers. */
const mostAtOnce = 100
const tooMany = 'Too many requests are being answered: ask again in a moment.'

/** Where an asker may want an answer: its inbox, or where an import leads back to it. Elsewhere an answer would be a message of ours. */
const answerable = /^(_R_\.|_INBOX(_[a-z]+)?\.)/

/** The connection as a service sees it: what wants its answer elsewhere is not asked at all. */
const answeringInboxes = (nc: NatsConnection): NatsConnection =>
  Object.create(nc, {
    subscribe: {
      value: (subject: string, { callback, ...options }: SubscriptionOptions) =>
        nc.subscribe(subject, {
          ...options,
          callback: (error, message) => {
            if (error || answerable.test(message.reply ?? '')) callback?.(error, message)
          },
        }),
    },
  })

const descriptions: Record<Daemon, string> = {
  refresher: 'Plans runs and makes vault tokens.',
  storer: 'Stores vault tokens in HTCondor’s credential managers, one at a time.',
  distributor: 'Pushes vault tokens to nodes.',
  notifier: 'Keeps the ledger of runs and tells people.',
}

async function answerWith(answer: Endpoint['answer'], data: Uint8Array): Promise<object> {
  const text = new TextDecoder().decode(data).trim()
  if (text === '') return answer(undefined)
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw new RequestError('bad-request', 'The body is not JSON: send an object in JSON, or nothing.')
  }
  return answer(body)
}

/** A refusal quotes the request, which may be as long as the bus allows (characters). */
const longestRefusal = 1_000

/** What the asker is told: one line that fits into a header, whatever was asked. */
export function describeRefusal(
  error: unknown,
  log: Pick<Logger, 'error' | 'warn'>,
): { code: string; text: string } {
  if (error instanceof RequestError)
    return { code: error.code, text: cleanLine(error.message, longestRefusal) }
  if (isBusError(error)) {
    log.warn({ reason: (error as Error).message }, 'a request was refused: the bus does not answer')
    return { code: 'bus-not-ready', text: busNotReady }
  }
  log.error({ err: error }, 'a request failed')
  return { code: 'unexpected', text: 'Something unexpected failed: see the daemon’s log.' }
}
