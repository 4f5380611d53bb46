/** Asks Vault over HTTPS, and says what went wrong in the words of htgettoken's own HTTP library. */

// Not by `import`: that would evaluate every export of node:http, a web client included, and take longer than the request.
const { STATUS_CODES } = process.getBuiltinModule('node:http')
const { Agent, request: startRequest } = process.getBuiltinModule('node:https')

export interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

export interface VaultClient {
  /** POST with a body, else GET. Rejects with an Error whose message names the cause, unless the answer is 200, 204 or `tolerated`. */
  ask(path: string, options?: { token?: string; body?: unknown; tolerated?: number }): Promise<Answer>
}

const readTimeoutMs = 10_000

export function createVaultClient(server: string, authorities: readonly string[]): VaultClient {
  const { hostname, port } = new URL(server)
  const pool = `HTTPSConnectionPool(host='${hostname}', port=${port})`
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  return {
    async ask(path, { token, body, tolerated } = {}) {
      const { status, text } = await send().catch((error: NodeJS.ErrnoException) => {
        throw new Error(describeFailure(pool, path.split('?')[0] as string, error.code ?? error.message))
      })
      return toAnswer(status, text, tolerated)

      function send(): Promise<{ status: number; text: string }> {
        const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
        const headers = {
          'User-Agent': 'htgettoken/2.6',
          ...(token !== undefined && { 'X-Vault-Token': token }),
        }
        const method = body === undefined ? 'GET' : 'POST'
        const request = startRequest(
          `${server}${path}`,
          { method, headers, agent, ca: [...authorities], timeout: readTimeoutMs },
          async (response) => {
            try {
              const chunks: Buffer[] = []
              for await (const chunk of response) chunks.push(chunk as Buffer)
              resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() })
            } catch (error) {
              reject(error)
            }
          },
        )
        request.once('timeout', () => request.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })))
        request.once('error', reject)
        request.end(body === undefined ? undefined : JSON.stringify(body))
        return promise
      }
    },
  }
}

/** @throws Error `HTTPError: Forbidden: permission denied` and the like */
export function toAnswer(status: number, text: string, tolerated?: number): Answer {
  const body = readJson(text)
  if (status === 200 || status === 204 || status === tolerated) return { status, body: body ?? {} }
  const errors = body ? ((body.errors as string[] | undefined) ?? []) : [text]
  throw new Error(`HTTPError: ${STATUS_CODES[status]}:${errors.map((error) => ` ${error}`).join('')}`)
}

/** The text for a connection that came to nothing, from node's error code. */
export function describeFailure(pool: string, path: string, code: string): string {
  return `MaxRetryError: ${pool}: Max retries exceeded with url: ${path} (Caused by ${describeCause(pool, code)})`
}

function describeCause(pool: string, code: string): string {
  switch (code) {
    case 'ECONNREFUSED':
      return `NewConnectionError('<urllib3.connection.HTTPSConnection object>: Failed to establish a new connection: [Errno 111] Connection refused')`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `NameResolutionError('<urllib3.connection.HTTPSConnection object>: Failed to resolve host')`
    case 'ECONNRESET':
    case 'EPIPE':
      return `ProtocolError('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))`
    case 'ETIMEDOUT':
      return `ReadTimeoutError("${pool}: Read timed out. (read timeout=10)")`
    default:
      return `SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: ${code}'))`
  }
}

function readJson(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text || '{}') as Record<string, unknown>
  } catch {
    return undefined
  }
}
