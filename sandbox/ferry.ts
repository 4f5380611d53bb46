/** The FERRY stand-in: answers what a laboratory's user registry says about an account; failures come as HTTP 200, as from the real one. */
import { appendFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { readFaults } from './fault-file.ts'

export interface FerryUser {
  readonly username: string
  readonly uid: number
  readonly banned?: boolean
  /** `false`: the account is not active. */
  readonly status?: boolean
  /** RFC 3339. */
  readonly expirationdate?: string
}

export interface FerryOptions {
  /** The sandbox's directory: `faults.json` is read at each connection, `ferry-requests.jsonl` is written. */
  readonly dir: string
  readonly port?: number
  readonly host?: string
  /** PEM texts. With `ca`, client certificates of that authority are taken. */
  readonly tls: { readonly key: string; readonly cert: string; readonly ca?: string }
  readonly users: readonly FerryUser[]
  /** `false`, the default: anybody may ask. `true`: a client certificate or a bearer token is needed. */
  readonly requireAuth?: boolean
}

export interface Ferry extends AsyncDisposable {
  readonly url: string
  readonly host: string
  readonly port: number
  close(): Promise<void>
}

/** Starts `GET /getUserInfo?username=|uid=|vopersonid=` on loopback. */
export async function startFerry(options: FerryOptions): Promise<Ferry> {
  const { dir, host = 'localhost', tls, users, requireAuth = false } = options
  const sockets = new Set<Socket>()
  const server = createServer(
    { ...tls, requestCert: tls.ca !== undefined, rejectUnauthorized: false },
    (request, response) => {
      // A connection that was open before it went down.
      if (readFaults(dir)['ferry-down']) return void request.socket.destroy()
      const { pathname, searchParams } = new URL(request.url ?? '/', 'https://ferry')
      const mayAsk = !requireAuth || isKnown(request.socket, request.headers.authorization)
      const status = mayAsk ? (pathname === '/getUserInfo' ? 200 : 404) : 401
      const body =
        status === 200
          ? getUserInfo(users, searchParams)
          : failed(mayAsk ? 'no such call' : 'Client not authorized')
      const line = {
        at: new Date().toISOString(),
        path: pathname,
        username: searchParams.get('username'),
        status,
      }
      appendFileSync(join(dir, 'ferry-requests.jsonl'), `${JSON.stringify(line)}\n`)
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
    },
  )
  server.prependListener('connection', (socket: Socket) => {
    if (readFaults(dir)['ferry-down']) return void socket.resetAndDestroy()
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return { url: `https://${host}:${port}`, host, port, close, [Symbol.asyncDispose]: close }
}

const failed = (error: string) => ({ ferry_status: 'failure', ferry_error: [error], ferry_output: {} })

function getUserInfo(users: readonly FerryUser[], query: URLSearchParams): unknown {
  const asked = [query.get('username'), query.get('uid'), query.get('vopersonid')]
  if (asked.every((value) => value === null))
    return failed('required parameter username, uid or vopersonid not provided')
  const [username, uid, vopersonid] = asked
  const user = users.find(
    (one) => one.username === username || String(one.uid) === uid || vopersonIdOf(one) === vopersonid,
  )
  if (!user) return failed('user does not exist')
  const output = {
    banned: user.banned ?? false,
    expirationdate: user.expirationdate ?? '2038-01-01T00:00:00Z',
    fullname: user.username,
    groupaccount: true,
    status: user.status ?? true,
    uid: user.uid,
    vopersonid: vopersonIdOf(user),
  }
  return { ferry_status: 'success', ferry_error: [], ferry_output: output }
}

const vopersonIdOf = (user: FerryUser) => `00000000-0000-4000-8000-${String(user.uid).padStart(12, '0')}`

function isKnown(socket: Socket, authorization: string | undefined): boolean {
  const hasCertificate = 'authorized' in socket && socket.authorized === true
  return hasCertificate || /^Bearer \S+\.\S+\.\S+$/.test(authorization ?? '')
}
