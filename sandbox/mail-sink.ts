/** An SMTP server that takes every mail and keeps it as `<n>.eml`. */
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'
import { numberFiles } from './numbered-files.ts'

export interface Sink extends AsyncDisposable {
  readonly port: number
}

/** Listens on 127.0.0.1. The first line of each file, `X-Envelope-To`, says whom the mail was really for. */
export async function startMailSink(directory: string): Promise<Sink> {
  const keep = numberFiles(directory, 'eml')
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onData(stream, session, done) {
      const parts: Buffer[] = []
      stream.on('data', (part: Buffer) => parts.push(part))
      stream.on('end', () => {
        const recipients = session.envelope.rcptTo.map(({ address }) => address).join(', ')
        keep(Buffer.concat([Buffer.from(`X-Envelope-To: ${recipients}\r\n`), ...parts]))
        done()
      })
    },
  })
  // A client that goes away in the middle is no reason to fall over.
  server.on('error', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.server.address() as AddressInfo
  const stop = () => new Promise<void>((resolve) => server.close(() => resolve()))
  return { port, [Symbol.asyncDispose]: stop }
}
