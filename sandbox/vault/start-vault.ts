/** The Vault stand-in: an HTTPS server that speaks the paths htgettoken uses, checks Kerberos tickets for real, and keeps books of every token. */
import { appendFileSync, mkdirSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { readFaults } from '../fault-file.ts'
import { answerRequest } from './answer-request.ts'
import { createBearerIssuer, makeIssuerKey } from './bearer.ts'
import { openBooks, refreshTokenFromTheStart } from './books.ts'
import { startTicketChecker } from './check-ticket.ts'
import { createDeviceLogins } from './device-logins.ts'
import { createIssuerFaults } from './issuer-faults.ts'
import { createRateLimit } from './rate-limit.ts'
import { createRevokedTokens } from './revoked-tokens.ts'
import { secretPath } from './secret-paths.ts'
import {
  credkeyOf,
  type Lifetimes,
  type VaultAnswer,
  type VaultParts,
  type VaultRequest,
  type VaultService,
} from './types.ts'
import { makeUntrustedTls } from './untrusted-tls.ts'

export interface VaultOptions {
  /** The sandbox's directory: `vault/` in it is this server's, `faults.json` is read at each request. */
  readonly dir: string
  /** 0, the default: a free one. */
  readonly port?: number
  /** The name clients use and Kerberos knows: the keytab holds `host/<host>`. Default `localhost`. */
  readonly host?: string
  /** PEM texts; the certificate is for `host`. */
  readonly tls: { readonly key: string; readonly cert: string }
  readonly keytab: string
  /** Default `<dir>/krb5.conf`. */
  readonly krb5Config?: string
  /** Their refresh tokens are there from the start. */
  readonly services: readonly VaultService[]
  readonly lifetimes?: Partial<Lifetimes>
}

export interface Vault extends AsyncDisposable {
  /** `https://<host>:<port>`. */
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

const defaultLifetimes: Lifetimes = { vaultToken: 28 * 86_400, bearer: 3600, poll: 1 }

/** Starts the server on loopback. Every request is recorded in `vault/requests.jsonl`, without tokens. */
export async function startVault(options: VaultOptions): Promise<Vault> {
  const { dir, host = 'localhost', tls } = options
  mkdirSync(join(dir, 'vault', 'books'), { recursive: true, mode: 0o700 })
  await makeIssuerKey(dir)
  const books = openBooks(dir)
  for (const { issuer, role, principal } of options.services) {
    const path = secretPath({ issuer, role, credkey: credkeyOf(principal) })
    if (!books.findRefreshToken(path)) books.keepRefreshToken(path, refreshTokenFromTheStart)
  }
  const lifetimes = { ...defaultLifetimes, ...options.lifetimes }
  const tickets = startTicketChecker({
    keytab: options.keytab,
    krb5Config: options.krb5Config ?? join(dir, 'krb5.conf'),
    rcacheFile: join(dir, 'vault', 'replays'),
  })
  const limit = createRateLimit(dir)
  const sockets = new Set<Socket>()
  let parts: VaultParts | undefined

  const server = createServer(tls, async (incoming, outgoing) => {
    const faults = readFaults(dir)
    if (faults['vault-hangs'] || !parts) return
    // A connection that was open before it went down.
    if (faults['vault-down']) return void incoming.socket.destroy()
    const client = incoming.socket.remoteAddress ?? ''
    let principal: string | undefined
    const request = await readRequest(incoming, (name) => {
      principal = name
    })
    const refusedFor = limit.refuses(client, request.path, faults)
    const answer = faults['vault-sealed']
      ? answerSealed(request.path)
      : refusedFor
        ? tooMany(request.path, refusedFor)
        : faults['vault-error'] !== undefined
          ? refuse(faults['vault-error'], 'the sandbox was asked to fail')
          : await answerRequest(parts, request)
    record(dir, { method: request.method, path: request.path, status: answer.status, principal, client })
    send(outgoing, answer)
  })
  let untrusted = false
  server.prependListener('connection', (socket: Socket) => {
    const faults = readFaults(dir)
    if (faults['vault-down']) return void socket.resetAndDestroy()
    if (untrusted !== (faults['vault-tls'] ?? false)) {
      untrusted = !untrusted
      server.setSecureContext(untrusted ? makeUntrustedTls(dir) : tls)
    }
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const url = `https://${host}:${port}`
  const bearers = createBearerIssuer(dir, url, lifetimes.bearer, books)
  parts = {
    dir,
    url,
    services: options.services,
    lifetimes,
    books,
    bearers,
    tickets,
    logins: createDeviceLogins(),
    issuerFaults: createIssuerFaults(dir),
    revoked: createRevokedTokens(dir),
  }

  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of sockets) socket.destroy()
    await Promise.all([closed, tickets.close()])
  }
  return { url, port, close, [Symbol.asyncDispose]: close }
}

async function readRequest(
  incoming: IncomingMessage,
  setPrincipal: (name: string) => void,
): Promise<VaultRequest> {
  const { pathname, searchParams } = new URL(incoming.url ?? '/', 'https://vault')
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const vaultToken = incoming.headers['x-vault-token']
  return {
    method: incoming.method ?? 'GET',
    path: decodeURIComponent(pathname),
    query: searchParams,
    headers: {
      authorization: incoming.headers.authorization,
      vaultToken: Array.isArray(vaultToken) ? vaultToken[0] : vaultToken,
    },
    body: readJson(Buffer.concat(chunks).toString()),
    setPrincipal,
  }
}

function readJson(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** As OpenBao 2.6 does: only its health can be asked for. */
const answerSealed = (path: string): VaultAnswer =>
  path === '/v1/sys/health'
    ? { status: 503, body: { initialized: true, sealed: true, standby: true } }
    : refuse(503, 'Vault is sealed')

const refuse = (status: number, error: string): VaultAnswer => ({ status, body: { errors: [error] } })

/** As Vault words it; nobody who uses htgettoken sees the header. */
const tooMany = (path: string, seconds: number): VaultAnswer => ({
  ...refuse(429, `request path "${path.replace(/^\/v1\//, '')}": rate limit quota exceeded`),
  headers: { 'Retry-After': String(seconds) },
})

function send(outgoing: ServerResponse, answer: VaultAnswer): void {
  const isPage = answer.html !== undefined
  outgoing.writeHead(answer.status, {
    'Content-Type': isPage ? 'text/html' : 'application/json',
    ...answer.headers,
  })
  outgoing.end(
    isPage ? answer.html : answer.body === undefined ? undefined : `${JSON.stringify(answer.body)}\n`,
  )
}

function record(dir: string, facts: Record<string, unknown>): void {
  appendFileSync(
    join(dir, 'vault', 'requests.jsonl'),
    `${JSON.stringify({ at: new Date().toISOString(), ...facts })}\n`,
  )
}
