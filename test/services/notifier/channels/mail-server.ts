/** A real SMTP server on a free port that answers as it is told, and keeps what it takes. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'

export interface Listening extends AsyncDisposable {
  readonly port: number
}

/** Listens on the loopback; closes with every connection. */
export async function listen(server: Server): Promise<Listening> {
  const sockets = new Set<Socket>()
  // A client that goes away is no reason to fall over.
  server.on('connection', (socket) => sockets.add(socket.on('error', () => undefined)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => void server.close(() => resolve()))
    },
  }
}

/** A port on which nobody listens. */
export async function freePort(): Promise<number> {
  await using gone = await listen(createServer())
  return gone.port
}

/** The SMTP codes it answers with, one a mail from the first on; undefined: it takes it. */
export interface Refusals {
  readonly connect?: (number | undefined)[]
  readonly from?: (number | undefined)[]
  readonly to?: (number | undefined)[]
  readonly data?: (number | undefined)[]
}

export interface MailServerOfTest extends Listening {
  /** What was taken, as it came. */
  readonly mails: string[]
}

export async function startMailServer(
  refusals: Refusals = {},
  options: SMTPServerOptions = { disabledCommands: ['STARTTLS', 'AUTH'] },
): Promise<MailServerOfTest> {
  const mails: string[] = []
  const next = (stage: keyof Refusals) => {
    const responseCode = refusals[stage]?.shift()
    return responseCode ? Object.assign(new Error('as told'), { responseCode }) : null
  }
  const server = new SMTPServer({
    authOptional: true,
    ...options,
    onConnect: (_session, end) => end(next('connect')),
    onMailFrom: (_address, _session, end) => end(next('from')),
    onRcptTo: (_address, _session, end) => end(next('to')),
    onData(stream, _session, end) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const refusal = next('data')
        if (!refusal) mails.push(Buffer.concat(chunks).toString('latin1'))
        end(refusal)
      })
    },
  })
  // A client that does not like the certificate goes away in the middle.
  server.on('error', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  return {
    mails,
    port: (server.server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  }
}
