/** One question over HTTP or HTTPS, and its answer: with the trust of a grid site, by way of its proxy. */
import type { IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http'
import { type Trusting, type Way, wayTo } from './agents.ts'
import { describeNetworkError, HttpError, httpErrorOf } from './http-error.ts'
import type { WebProxy } from './proxy.ts'
import { readRetryAfter } from './retry-after.ts'

export interface AskOptions extends Trusting {
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

export interface SendOptions extends AskOptions {
  readonly method: 'POST' | 'DELETE'
  readonly content: string | Uint8Array
  /** Waits for the whole answer: it is what was asked for. */
  readonly isQuestion?: boolean
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** After a POST that was taken and is no question nobody waits for it, and of another answer to one it is the beginning. */
  readonly body: string
}

/** Answers are far smaller; anything longer is not what was asked for (characters). */
const longestAnswer = 1024 * 1024

/** The body of a 200 answer. Throws {@link HttpError}, or the reason for which `options.signal` is aborted. */
export async function getText(url: URL, options: AskOptions): Promise<string> {
  const { status, headers, body } = await exchange(url, options)
  if (status === 200) return body
  const retryAfterMs = readRetryAfter(headers['retry-after'])
  throw new HttpError(`${url.host} answered with status ${status}`, {
    kind: 'status',
    ...{ status, retryAfterMs, body },
  })
}

/** An answer of any status. Throws {@link HttpError}, or the reason for which `options.signal` is aborted. */
export async function exchange(url: URL, options: AskOptions | SendOptions): Promise<Answer> {
  const patience = AbortSignal.timeout(options.timeoutMs)
  const signal = options.signal ? AbortSignal.any([options.signal, patience]) : patience
  const way = await wayTo(url, options)
  try {
    for (;;) {
      const answer = await askOnce(url, options, way, signal)
      if (answer !== 'stale') return answer
    }
  } catch (error) {
    options.signal?.throwIfAborted()
    if (patience.aborted) throw tooSlow(url, options, way)
    throw way.proxy ? proxyError(error as ProxyFault, url, way.proxy) : httpErrorOf(error as Error, url.host)
  }
}

/** What a question meets on a connection that the other end has closed. */
const closedCodes = new Set<string | undefined>(['ECONNRESET', 'EPIPE'])

/** `stale`: the other end closed a connection that was open from an earlier question, just as this one was asked. */
async function askOnce(
  url: URL,
  options: AskOptions | SendOptions,
  { agent }: Way,
  signal: AbortSignal,
): Promise<Answer | 'stale'> {
  const { request } = await (url.protocol === 'https:' ? import('node:https') : import('node:http'))
  const { promise, resolve, reject } = Promise.withResolvers<Answer | 'stale'>()
  const asked = request(url, { ...requestOf(options), agent, signal }, (answer) => {
    const read = 'content' in options && !options.isQuestion ? readVerdict(answer) : readAnswer(answer)
    read.then(resolve, (error: Error) => {
      asked.destroy()
      reject(error)
    })
  })
  asked.on('error', (error: NodeJS.ErrnoException) => {
    // What was sent may have arrived: only a question is asked again.
    if (!('content' in options) && asked.reusedSocket && closedCodes.has(error.code)) resolve('stale')
    else reject(error)
  })
  asked.end('content' in options ? options.content : undefined)
  return promise
}

function requestOf(options: AskOptions | SendOptions): RequestOptions {
  if (!('content' in options)) return { headers: { ...options.headers } }
  const length = Buffer.byteLength(options.content)
  return { method: options.method, headers: { ...options.headers, 'Content-Length': length } }
}

async function readAnswer(answer: IncomingMessage): Promise<Answer> {
  answer.setEncoding('utf8')
  let body = ''
  for await (const chunk of answer) {
    body += chunk as string
    if (body.length > longestAnswer) throw new Error('the answer is too long')
  }
  return { status: answer.statusCode ?? 0, headers: answer.headers, body }
}

/** As much of a refusal as a reason can be (characters). */
const longestReason = 1_000

/** What became of something that was sent: a server that has taken it and is slow to say more must not get it twice. */
async function readVerdict(answer: IncomingMessage): Promise<Answer> {
  const { statusCode: status = 0, headers } = answer
  if (status >= 200 && status < 300) {
    answer.on('error', () => {}).resume()
    return { status, headers, body: '' }
  }
  answer.setEncoding('utf8')
  let body = ''
  for await (const chunk of answer) {
    body += chunk as string
    if (body.length > longestReason) break
  }
  return { status, headers, body: body.slice(0, longestReason) }
}

function tooSlow({ host }: URL, { timeoutMs }: AskOptions, { proxy }: Way): HttpError {
  const how = proxy ? ` by way of the proxy ${proxy.host}` : ''
  return new HttpError(`${host} did not answer within ${timeoutMs / 1_000} s${how}`, { kind: 'timeout' })
}

interface ProxyFault extends NodeJS.ErrnoException {
  /** Of the proxy's answer to CONNECT. */
  readonly statusCode?: number
}

/** Behind a proxy only certificates are the server's own matter: the connection is the proxy's. */
function proxyError(error: ProxyFault, { host }: URL, proxy: WebProxy): HttpError {
  const known = httpErrorOf(error, host)
  if (known.kind === 'tls') return known
  const { code, statusCode: status } = error
  return new HttpError(`the proxy ${proxy.host}${proxyFault(error, host)}`, { kind: 'proxy', code, status })
}

function proxyFault(error: ProxyFault, host: string): string {
  // Without Node's words, which quote the proxy's.
  if (error.statusCode === undefined && error.code === 'ERR_PROXY_TUNNEL') return ' gave no answer'
  if (error.statusCode === undefined) return `: ${describeNetworkError(error)}`
  if (error.statusCode === 407) return ' wants another login (status 407)'
  return ` did not connect to ${host} (status ${error.statusCode})`
}
