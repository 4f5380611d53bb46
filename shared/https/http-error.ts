/** Why a question over HTTP got no answer that can be used: facts for whoever decides what it means. */

/**
 * `status`: an answer other than 200. `tls`: certificates. `network`: no connection, or a broken one. `timeout`: too slow.
 * `proxy`: the proxy on the way is away or refuses; the message names its host.
 */
export type HttpErrorKind = 'status' | 'tls' | 'network' | 'timeout' | 'proxy'

export interface HttpErrorFacts {
  readonly kind: HttpErrorKind
  /** Of the answer. */
  readonly status?: number | undefined
  /** Node's, such as ECONNREFUSED or CERT_HAS_EXPIRED. */
  readonly code?: string | undefined
  /** Of the answer's header Retry-After (milliseconds). */
  readonly retryAfterMs?: number | undefined
  /** What the server said; may hold anything, a token too. */
  readonly body?: string | undefined
}

/** The message is for people and names the host; it never holds a header or a body. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly kind: HttpErrorKind
  readonly status: number | undefined
  readonly code: string | undefined
  readonly retryAfterMs: number | undefined
  /** Private, since loggers write what they find in an error. */
  readonly #body: string

  constructor(message: string, { kind, status, code, retryAfterMs, body = '' }: HttpErrorFacts) {
    super(message)
    this.kind = kind
    this.status = status
    this.code = code
    this.retryAfterMs = retryAfterMs
    this.#body = body
  }

  /** What the server said with its status, to be compared with known texts, never to be quoted. */
  get body(): string {
    return this.#body
  }
}

/** What kept the question to `host` from its answer, as far as Node's error tells. Pure. */
export function httpErrorOf(error: NodeJS.ErrnoException, host: string): HttpError {
  if (error instanceof HttpError) return error
  const kind = isTimeout(error) ? 'timeout' : isTlsCode(error.code) ? 'tls' : 'network'
  return new HttpError(`${host}: ${describeNetworkError(error)}`, { kind, code: error.code })
}

const isTimeout = ({ name, code }: NodeJS.ErrnoException) => name === 'TimeoutError' || code === 'ETIMEDOUT'

/** Whether TLS was not to be had: a certificate, ours or theirs, or the protocol. Pure. */
export const isTlsCode = (code: string | undefined) =>
  /CERT|CRL|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|PATH_LENGTH|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|EPROTO/.test(
    code ?? '',
  )

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there (connection refused)',
  ECONNRESET: 'the connection was reset',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name server does not answer',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'no answer',
  ABORT_ERR: 'no answer',
}

/** The network's complaint in words; Node's own where several addresses were tried has none. Pure. */
export function describeNetworkError(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return words[code ?? ''] ?? (message || (code ?? 'no connection'))
}
