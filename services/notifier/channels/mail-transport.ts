/** nodemailer's own transport to the mail server of the configuration, with a bound on the whole of it. */
import { Readable } from 'node:stream'
import { createSecureContext, type SecureContext } from 'node:tls'
import { createTransport, type SendMailOptions, type Transporter } from 'nodemailer'
import type { MailServer } from '../../../shared/config/site.ts'
import type { Certificates } from '../../../shared/https/certificates.ts'
import { currentTrust } from '../../../shared/https/trust.ts'
import { type Handover, type Patience, usualPatience } from './handover.ts'

/** What `aboutToSend` threw, as `cause`: the mail was not handed over. */
export class Unready extends Error {
  override readonly name = 'Unready'
  constructor(cause: unknown) {
    super('not ready to send', { cause })
  }
}

/** Ends when the server has taken the mail. Throws what nodemailer says, {@link Unready}, or that it took too long. */
export async function handOver(
  mail: SendMailOptions,
  server: MailServer,
  password: string | undefined,
  { aboutToSend, signal, patience = usualPatience }: Handover,
): Promise<void> {
  const transport = await openTransport(server, password, patience)
  const tooLong = new AbortController()
  const giveUp = () => tooLong.abort()
  let deadline = setTimeout(giveUp, patience.untilAgreedMs)
  let unready: unknown

  /** Read from when the server has agreed to take the mail, and not before. */
  async function* onceAgreed(text: Readable) {
    // The connection would only say that the mail could not be read.
    await aboutToSend?.().catch((error: unknown) => {
      unready = error
      throw error
    })
    clearTimeout(deadline)
    deadline = setTimeout(giveUp, patience.forDataMs)
    yield* text
  }

  transport.use('stream', ({ message }, done) => {
    message.processFunc((text: Readable) => Readable.from(onceAgreed(text)))
    done()
  })
  try {
    await transport.sendMail({
      ...mail,
      signal: AbortSignal.any([tooLong.signal, ...(signal ? [signal] : [])]),
    })
  } catch (error) {
    if (unready !== undefined) throw new Unready(unready)
    throw tooLong.signal.aborted ? new Error('it took too long') : error
  } finally {
    clearTimeout(deadline)
  }
}

/** As far as a mail would go before it is handed over: connection, TLS, login. Throws what nodemailer says. */
export async function reachMailServer(
  server: MailServer,
  password: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const transport = await openTransport(server, password, usualPatience)
  const { promise: tooLong, reject } = Promise.withResolvers<never>()
  signal.addEventListener('abort', () => reject(new Error('it took too long')), { once: true })
  await Promise.race([transport.verify(), tooLong])
}

async function openTransport(
  { smtpHost, smtpPort, tls, caPath, user }: MailServer,
  password: string | undefined,
  { untilAgreedMs, forDataMs }: Patience,
): Promise<Transporter> {
  const secureContext = tls === 'none' ? undefined : contextOf(await currentTrust(caPath))
  return createTransport({
    host: smtpHost,
    port: smtpPort,
    secure: tls === 'tls',
    ignoreTLS: tls === 'none',
    // A password goes to nobody who was not asked for a certificate, unless the file says so.
    requireTLS: tls === 'starttls' || (tls === undefined && password !== undefined),
    ...(user !== undefined && password !== undefined
      ? { auth: { user, pass: password }, forceAuth: true }
      : {}),
    ...(secureContext ? { tls: { secureContext } } : {}),
    ...{ dnsTimeout: untilAgreedMs, connectionTimeout: untilAgreedMs, greetingTimeout: untilAgreedMs },
    ...{ socketTimeout: forDataMs, socketCloseTimeout: 1_000 },
  })
}

const contexts = new WeakMap<Certificates, SecureContext>()

/** One for all mails: each holds a system's hundreds of authorities, and is ten milliseconds of CPU time and a megabyte or two. */
function contextOf(trust: Certificates): SecureContext {
  const context = contexts.get(trust) ?? createSecureContext({ ca: [...trust.certificates] })
  contexts.set(trust, context)
  return context
}
