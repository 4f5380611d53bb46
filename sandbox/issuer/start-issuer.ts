/** A token issuer as CMS has one (INDIGO IAM), for the sandbox: npm's certified `oidc-provider` over TLS, with faults, and with people who log in. */
import { appendFileSync, mkdirSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { dirname } from 'node:path'
import type { Duplex } from 'node:stream'
import Provider from 'oidc-provider'
import { readFaults } from '../fault-file.ts'
import { passHoldPoint } from '../hold.ts'
import { layoutOf } from '../layout.ts'
import type { Tls } from '../tls.ts'
import { anyAudience } from './any-audience.ts'
import { makeBadTls } from './bad-tls.ts'
import { registerExchange } from './exchange-grant.ts'
import { openFaults } from './faults.ts'
import { completeLogin } from './people.ts'
import { type IssuerOptions, issuerSettings, resourceServers } from './settings.ts'
import { makeSigningKeys } from './signing-keys.ts'

export interface Issuer extends AsyncDisposable {
  /** As in the claim `iss`. */
  readonly url: string
  readonly port: number
  /** A person opens the page of a device login, logs in as `person`, and agrees. */
  completeLogin(userCode: string, person: string): Promise<void>
  close(): Promise<void>
}

export interface StartIssuerOptions extends IssuerOptions {
  readonly tls: Pick<Tls, 'key' | 'cert'>
  readonly port?: number
}

/** Listens on loopback. Every token and every request is written down, as the Vault stand-in does. */
export async function startIssuer(options: StartIssuerOptions): Promise<Issuer> {
  const { dir, tls, port: wanted = 0 } = options
  const layout = layoutOf(dir)
  mkdirSync(dirname(layout.tokens), { recursive: true, mode: 0o700 })
  const given = new Set<string>()
  const server = createServer({ key: tls.key, cert: tls.cert })
  server.on('tlsClientError', () => {})
  const sockets = new Set<Duplex>()
  let shown: string | undefined
  server.prependListener('connection', (socket) => {
    const kind = readFaults(dir)['iam-tls']
    if (kind !== shown) server.setSecureContext(kind ? makeBadTls(dir, kind) : tls)
    shown = kind
    sockets.add(socket.once('close', () => sockets.delete(socket)))
  })
  await new Promise<void>((resolve) => server.listen(wanted, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const url = `https://localhost:${port}`
  const provider = new Provider(url, issuerSettings(options, await makeSigningKeys()))
  const isOurs = (token: string) => given.has(token)
  registerExchange(provider, { isOurs, serverOf: resourceServers(options), defaultAudience: anyAudience })
  provider.use(async (ctx, next) => {
    await next()
    if (ctx.path === '/token') await passHoldPoint(dir, 'iam-token')
    noteTokens(ctx.body, (token, kind) => {
      given.add(token)
      const line = { token, kind, service: 'iam', at: new Date().toISOString() }
      appendFileSync(layout.tokens, `${JSON.stringify(line)}\n`, { mode: 0o600 })
    })
    // A person here is quicker than people are.
    if (ctx.path === '/device/auth' && ctx.status === 200) Object.assign(ctx.body as object, { interval: 1 })
    const { method, path, status } = ctx
    const line = { at: new Date().toISOString(), method, path, status }
    appendFileSync(layout.issuerRequests, `${JSON.stringify(line)}\n`)
  })
  provider.use(openFaults(dir))
  const answer = provider.callback()
  server.on('request', (request, response) => {
    // Whoever comes on a connection of before has to see the other certificate too.
    if (readFaults(dir)['iam-tls'] !== shown) request.socket.destroy()
    else void answer(request, response)
  })
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return {
    ...{ url, port, close },
    completeLogin: (userCode, person) => completeLogin(provider, userCode, person),
    [Symbol.asyncDispose]: close,
  }
}

function noteTokens(body: unknown, note: (token: string, kind: 'bearer' | 'refresh') => void): void {
  if (typeof body !== 'object' || body === null) return
  const { access_token, refresh_token } = body as Record<string, unknown>
  if (typeof access_token === 'string') note(access_token, 'bearer')
  if (typeof refresh_token === 'string') note(refresh_token, 'refresh')
}
