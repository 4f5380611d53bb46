/** An SMTP server that takes every mail, over TLS where it can, and keeps it as `<n>.eml`; or fails as the faults say. */
import type { AddressInfo, Socket } from 'node:net'
import { SMTPServer, type SMTPServerSession } from 'smtp-server'
import { readFaults } from './fault-file.ts'
import { passHoldPoint } from './hold.ts'
import { numberFiles } from './numbered-files.ts'
import type { Tls } from './tls.ts'
import { makeUntrustedTls } from './vault/untrusted-tls.ts'

export interface Sink extends AsyncDisposable {
  readonly port: number
}

export interface MailSinkOptions {
  /** Where the mails are kept. */
  readonly directory: string
  /** The sandbox's directory: faults and hold points are looked up at each connection. */
  readonly dir: string
  /** For STARTTLS. */
  readonly tls: Pick<Tls, 'key' | 'cert'>
}

/**
 * Listens on 127.0.0.1. The first line of each file, `X-Envelope-To`, says whom the mail was really for. A mail that was
 * kept waits at the hold point `mail` before the sender hears of it.
 */
export async function startMailSink({ directory, dir, tls }: MailSinkOptions): Promise<Sink> {
  const keep = numberFiles(directory, 'eml')
  const server = new SMTPServer({
    ...tls,
    disabledCommands: ['AUTH'],
    authOptional: true,
    closeTimeout: 500,
    onConnect(_session, done) {
      if (!readFaults(dir)['mail-hangs']) done()
    },
    onRcptTo(_address, _session, done) {
      const responseCode = readFaults(dir)['mail-refuses']
      done(
        responseCode ? Object.assign(new Error('the sandbox was asked to refuse'), { responseCode }) : null,
      )
    },
    onData(stream, session, done) {
      const parts: Buffer[] = []
      stream.on('data', (part: Buffer) => parts.push(part))
      stream.on('end', () => {
        keep(Buffer.concat([Buffer.from(`X-Envelope-To: ${recipientsOf(session)}\r\n`), ...parts]))
        passHoldPoint(dir, 'mail').then(() => done(), done)
      })
    },
  })
  let untrusted = false
  server.server.prependListener('connection', (socket: Socket) => {
    const faults = readFaults(dir)
    if (faults['mail-down']) return void socket.resetAndDestroy()
    if (untrusted === (faults['mail-tls'] ?? false)) return
    untrusted = !untrusted
    server.updateSecureContext(untrusted ? makeUntrustedTls(dir) : tls)
  })
  // A client that goes away in the middle is no reason to fall over.
  server.on('error', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.server.address() as AddressInfo
  const stop = () => new Promise<void>((resolve) => server.close(() => resolve()))
  return { port, [Symbol.asyncDispose]: stop }
}

const recipientsOf = ({ envelope }: SMTPServerSession) =>
  envelope.rcptTo.map(({ address }) => address).join(', ')
