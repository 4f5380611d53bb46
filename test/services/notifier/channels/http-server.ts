/** An HTTP server on a free port that answers each POST as it is told, and keeps what it was sent. */
import { createServer } from 'node:http'
import { type Listening, listen } from './mail-server.ts'

/** A status, or: never answers, or: breaks the connection. */
export type HttpAnswer =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  | 'hang'
  | 'cut'

export interface HttpServerOfTest extends Listening {
  /** A secret, as a webhook's address is. */
  readonly url: string
  readonly posts: {
    readonly type: string | undefined
    readonly login: string | undefined
    readonly body: string
    readonly at: number
  }[]
}

export const secretPath = '/services/T0/B0/secret'

/** Answers with `answers`, one a post from the first on, then with 200. */
export async function startHttpServer(...answers: HttpAnswer[]): Promise<HttpServerOfTest> {
  const posts: HttpServerOfTest['posts'] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      const { 'content-type': type, authorization: login } = request.headers
      posts.push({ type, login, body, at: performance.now() })
      const answer = answers.shift() ?? { status: 200 }
      if (answer === 'cut') request.socket.destroy()
      else if (answer !== 'hang') response.writeHead(answer.status, answer.headers).end(answer.body ?? 'ok')
    })
  })
  const listening = await listen(server)
  return { ...listening, posts, url: `http://127.0.0.1:${listening.port}${secretPath}` }
}
