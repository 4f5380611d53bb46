/** An HTTP server on loopback that hands each whole POST body to a function; the base of the sandbox's receivers. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { createGunzip } from 'node:zlib'
import type { Sink } from './mail-sink.ts'

export interface Answer {
  readonly status: number
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/** `never`: the client waits for an answer that does not come. */
export type Answers = (post: Post) => Answer | 'never' | Promise<Answer | 'never'>

export interface Post {
  readonly path: string
  readonly contentType: string
  readonly body: Buffer
}

/** Listens on 127.0.0.1; anything but POST is answered 405. */
export async function startHttpSink(answer: Answers): Promise<Sink> {
  const server = createServer(async (request, response) => {
    const answered = await answerRequest(request, answer).catch(() => ({ status: 400, body: '' }) as Answer)
    if (answered === 'never') return
    const { status, body, headers } = answered
    const type = body.startsWith('{') ? 'application/json' : 'text/plain'
    response.writeHead(status, { 'content-type': type, ...headers })
    response.end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: stop }
}

async function answerRequest(request: IncomingMessage, answer: Answers): Promise<Answer | 'never'> {
  if (request.method !== 'POST') return { status: 405, body: '' }
  const plain = request.headers['content-encoding'] === 'gzip' ? request.pipe(createGunzip()) : request
  const contentType = request.headers['content-type']?.split(';')[0] ?? ''
  return answer({ path: request.url ?? '', contentType, body: await buffer(plain) })
}
