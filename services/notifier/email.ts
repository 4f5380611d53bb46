/** Sends one mail by SMTP, and tells apart what may work later from what never will. */
import { createTransport } from 'nodemailer'
import { failure, Permanent, Transient } from '../../shared/errors.ts'
import type { Notification } from '../../shared/messages.ts'
import { cleanLine } from '../../shared/outcome-text.ts'

export interface MailServer {
  readonly from: string
  readonly smtpHost: string
  readonly smtpPort: number
}

/** How long an SMTP server may be silent (milliseconds). */
const patienceMs = 10_000

/** Sends the mail. Throws Permanent when the server refuses the addressee for good (5xx), Transient otherwise. */
export async function sendMail(mail: Notification, server: MailServer): Promise<void> {
  const transport = createTransport({
    host: server.smtpHost,
    port: server.smtpPort,
    connectionTimeout: patienceMs,
    greetingTimeout: patienceMs,
    socketTimeout: patienceMs,
  })
  try {
    await transport.sendMail({
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
    transport.close()
  }
}

function mailError(error: Error & { responseCode?: number }, server: MailServer): Error {
  const failed = failure(
    'notification-failed',
    `${server.smtpHost} did not take the mail: ${cleanLine(error.message)}.`,
  )
  return (error.responseCode ?? 0) >= 500 ? new Permanent(failed) : new Transient(failed)
}
