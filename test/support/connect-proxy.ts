/** A real HTTP proxy on the loopback: it connects every name to this machine, or refuses, and keeps what it was asked. */
import { createServer, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Listening, listen } from '../services/notifier/channels/mail-server.ts'

export interface ConnectProxy extends Listening {
  /** What it was asked, `CONNECT host:port` or `GET http://…`, and as whom. */
  readonly asked: { readonly what: string; readonly login: string | undefined }[]
  /** The status of its refusal; undefined: it connects. */
  refuseWith: number | undefined
}

export async function startConnectProxy(): Promise<ConnectProxy> {
  const server = createServer((request, response) => {
    keep(request)
    response.end('from the proxy')
  })
  const keep = ({ method, url, headers }: IncomingMessage) =>
    proxy.asked.push({ what: `${method} ${url}`, login: headers['proxy-authorization'] })
  server.on('connect', (request: IncomingMessage, client: Duplex) => {
    keep(request)
    client.on('error', () => {})
    if (proxy.refuseWith) return void client.end(`HTTP/1.1 ${proxy.refuseWith} No\r\n\r\n`)
    const target = connect(Number(request.url?.split(':').at(-1)), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n')
      target.pipe(client).pipe(target)
    })
    target.on('error', () => client.destroy())
    client.on('close', () => target.destroy())
  })
  const proxy: ConnectProxy = { ...(await listen(server)), asked: [], refuseWith: undefined }
  return proxy
}
