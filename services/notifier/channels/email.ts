/** Sends one mail by SMTP, and tells apart what may work later from what never will. */
import type { SendMailOptions } from 'nodemailer'
import type { MailServer } from '../../../shared/config/site.ts'
import type { Notification } from '../../../shared/contracts/messages.ts'
import { type Delivery, delivered, serverAway } from './delivery.ts'
import type { Handover } from './handover.ts'
import { judgeMailError } from './mail-error.ts'
import { readPassword } from './mail-password.ts'
import { handOver, Unready } from './mail-transport.ts'

/** Sends `mail`. Throws what `options.aboutToSend` throws, and when `options.signal` is aborted; everything else is a delivery. */
export async function sendMail(
  mail: Notification,
  server: MailServer,
  options: Handover = {},
): Promise<Delivery> {
  const password = server.passwordFile === undefined ? undefined : await readPassword(server.passwordFile)
  if (password && 'why' in password) return serverAway(password.why)
  try {
    await handOver(composeMail(mail, server), server, password?.text, options)
    return delivered
  } catch (error) {
    options.signal?.throwIfAborted()
    if (error instanceof Unready) throw error.cause
    return judgeMailError(error, server)
  }
}

/** The whole mail: text first, then HTML. */
function composeMail(mail: Notification, { from: address, fromName }: MailServer): SendMailOptions {
  const from = fromName === undefined ? address : { name: fromName, address }
  const root = mail.thread === undefined ? undefined : messageId(`thread.${mail.thread}`)
  return {
    ...{ from, to: mail.to, subject: mail.subject, text: mail.text },
    envelope: { from: address, to: mail.to },
    ...(mail.html ? { html: mail.html } : {}),
    messageId: messageId(mail.id),
    date: new Date(mail.at),
    // A root that nobody was ever sent: mail programs put together what answers the same mail.
    ...(root ? { inReplyTo: root, references: root } : {}),
    headers: { 'Auto-Submitted': 'auto-generated' },
    xMailer: false,
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

/** The same for every delivery of a message. `%` and what it is followed by may stand in a Message-ID; brackets and blanks may not. */
function messageId(id: string): string {
  const local = encodeURIComponent(id.toWellFormed()).replace(
    /[!'()*~]/g,
    (char) => `%${char.charCodeAt(0).toString(16)}`,
  )
  return `<${local}@managed-tokens>`
}
