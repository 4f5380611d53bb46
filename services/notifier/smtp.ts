/** One mail over one SMTP connection, with an eye on the moment from which on it may have arrived. */
import { Readable } from 'node:stream'
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import type { MailServer } from '../../shared/config/site.ts'
import { currentTrust } from '../../shared/trust.ts'

export interface Handover {
  /** Called when the server has agreed to take the mail, before the first byte of it. */
  readonly aboutToSend?: (() => Promise<void>) | undefined
  readonly signal?: AbortSignal | undefined
  readonly patience?: Patience | undefined
}

/** All in milliseconds. */
export interface Patience {
  /** Until the server agrees to take the mail, whatever it says on the way: one that says a word now and then is never silent. */
  readonly untilAgreedMs: number
  /**
   * For the mail itself and the server's word that it has it. As long as RFC 5321 (4.5.3.2.6) wants: a server that looks
   * through it first has taken it, and would deliver it twice.
   */
  readonly forDataMs: number
}

const usual: Patience = { untilAgreedMs: 30_000, forDataMs: 10 * 60_000 }

/** What `aboutToSend` threw, as `cause`: the mail was not handed over. */
export class Unready extends Error {
  override readonly name = 'Unready'
  constructor(cause: unknown) {
    super('not ready to send', { cause })
  }
}

/** Ends when the server has taken the mail. Throws what nodemailer says, {@link Unready}, or that it took too long. */
export async function handOver(
  mail: Buffer,
  envelope: { readonly from: string; readonly to: string },
  server: MailServer,
  password: string | undefined,
  { aboutToSend, signal, patience = usual }: Handover,
): Promise<void> {
  const connection = new SMTPConnection(await connectionOptions(server, password))
  const failed = Promise.withResolvers<never>()
  connection.once('error', failed.reject)
  const giveUp = () => failed.reject(new Error('it took too long'))
  signal?.addEventListener('abort', giveUp, { once: true })
  let unready: unknown
  let deadline = setTimeout(giveUp, patience.untilAgreedMs)

  async function* body() {
    // The connection would only say that the mail could not be read.
    await aboutToSend?.().catch((error: unknown) => {
      unready = error
      throw error
    })
    clearTimeout(deadline)
    deadline = setTimeout(giveUp, patience.forDataMs)
    yield mail
  }

  /** One step of the conversation, cut short when the connection fails. */
  const step = (take: (done: (error?: Error | null) => void) => void): Promise<void> =>
    Promise.race([
      failed.promise,
      new Promise<void>((resolve, reject) => take((error) => (error ? reject(error) : resolve()))),
    ])

  try {
    signal?.throwIfAborted()
    await step((done) => connection.connect(done))
    if (server.user !== undefined && password !== undefined) {
      const credentials = { user: server.user, pass: password }
      await step((done) => connection.login({ credentials }, done))
    }
    await step((done) => connection.send({ ...envelope, to: [envelope.to] }, Readable.from(body()), done))
    connection.quit()
  } catch (error) {
    connection.close()
    throw unready === undefined ? error : new Unready(unready)
  } finally {
    clearTimeout(deadline)
    signal?.removeEventListener('abort', giveUp)
    failed.promise.catch(() => undefined)
  }
}

/** As far as a mail would go before it is handed over: connection, TLS, login. Throws what nodemailer says. */
export async function reachMailServer(
  server: MailServer,
  password: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const connection = new SMTPConnection(await connectionOptions(server, password))
  const { promise: isThere, resolve, reject } = Promise.withResolvers<void>()
  const end = (error?: Error | null) => (error ? reject(error) : resolve())
  signal.addEventListener('abort', () => reject(new Error('it took too long')), { once: true })
  connection.once('error', reject)
  connection.connect((error) => {
    if (error || server.user === undefined || password === undefined) return end(error)
    connection.login({ credentials: { user: server.user, pass: password } }, end)
  })
  try {
    await isThere
    connection.quit()
  } catch (error) {
    connection.close()
    throw error
  }
}

async function connectionOptions(
  { smtpHost, smtpPort, tls, caPath }: MailServer,
  password: string | undefined,
) {
  const ca = tls === 'none' ? undefined : (await currentTrust(caPath)).certificates
  return {
    host: smtpHost,
    port: smtpPort,
    secure: tls === 'tls',
    ignoreTLS: tls === 'none',
    // A password goes to nobody who was not asked for a certificate, unless the file says so.
    requireTLS: tls === 'starttls' || (tls === undefined && password !== undefined),
    socketCloseTimeout: 1_000,
    tls: ca ? { ca: [...ca] } : {},
  }
}
