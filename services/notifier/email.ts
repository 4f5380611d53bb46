/** Sends one mail by SMTP, and tells apart what may work later from what never will. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createTransport } from 'nodemailer'
import { failure, Permanent, Transient } from '../../shared/errors.ts'
import type { Notification } from '../../shared/messages.ts'
import { cleanLine } from '../../shared/outcome-text.ts'

export interface MailServer {
  readonly from: string
  readonly smtpHost: string
  readonly smtpPort: number
}

/** How long an SMTP server may be silent, and three times that is how long a mail may take in all (milliseconds). */
const usualPatienceMs = 10_000

/** Sends the mail. Throws Permanent when the server refuses the addressee for good (5xx), Transient otherwise. */
export async function sendMail(
  mail: Notification,
  server: MailServer,
  patienceMs = usualPatienceMs,
): Promise<void> {
  const socket = connect(server.smtpPort, server.smtpHost)
  // A server that says a word now and then is never silent: only a deadline of ours ends it.
  const deadline = setTimeout(() => socket.destroy(), 3 * patienceMs)
  socket.on('error', () => undefined)
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(patienceMs) })
    await transportOver(socket, server, patienceMs).sendMail({
      from: server.from,
      to: mail.to,
      subject: mail.subject,
      text: mail.text,
      ...(mail.html ? { html: mail.html } : {}),
      messageId: `<${encodeURIComponent(mail.id)}@managed-tokens>`,
      headers: { 'Auto-Submitted': 'auto-generated' },
    })
  } catch (error) {
    throw mailError(error as Error & { responseCode?: number }, server)
  } finally {
    clearTimeout(deadline)
    socket.destroy()
  }
}

function transportOver(connection: Socket, { smtpHost, smtpPort }: MailServer, patienceMs: number) {
  return createTransport({
    host: smtpHost,
    port: smtpPort,
    connection,
    greetingTimeout: patienceMs,
    socketTimeout: patienceMs,
  })
}

function mailError(error: Error & { responseCode?: number }, server: MailServer): Error {
  const failed = failure(
    'notification-failed',
    `${server.smtpHost} did not take the mail: ${cleanLine(error.message)}.`,
  )
  return (error.responseCode ?? 0) >= 500 ? new Permanent(failed) : new Transient(failed)
}
