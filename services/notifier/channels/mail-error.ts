/** What went wrong with a mail, in words for people: refused for good, not now, or a server that takes nothing. Pure. */
import type { MailServer } from '../../../shared/config/site.ts'
import { cleanLine } from '../../../shared/contracts/one-sentence.ts'
import { type Delivery, notNow, refused, serverAway } from './delivery.ts'

/** The facts that nodemailer puts into its errors. */
interface SmtpError extends Error {
  readonly code?: string
  /** The code of the network or of TLS beneath it. */
  readonly originalCode?: string
  /** Of the server's answer: 550. */
  readonly responseCode?: number
  readonly response?: string
  /** What it was an answer to: `RCPT TO`. */
  readonly command?: string
}

/** Only an answer to the mail itself is about the mail; a login or a certificate can be put right before the day is over. */
export function judgeMailError(thrown: unknown, server: MailServer): Delivery {
  const error = thrown as SmtpError
  const at = `${server.smtpHost}:${server.smtpPort}`
  const { responseCode = 0, command = '' } = error
  const isAboutMail = /^(MAIL FROM|RCPT TO|DATA)/.test(command) && responseCode !== 421
  if (isAboutMail && responseCode >= 400) {
    const why = `${at} did not take the mail: ${cleanLine(error.response ?? error.message)}.`
    return responseCode >= 500 && responseCode !== 503 ? refused(why) : notNow(why)
  }
  return serverAway(`${at} ${troubleOf(error, server)}.`)
}

function troubleOf(error: SmtpError, { caPath, tls }: MailServer): string {
  const { code = '', originalCode = '' } = error
  const said = cleanLine(error.message)
  if (isTls.test(originalCode) || isTls.test(code)) {
    const advice = caPath ? `check email.caPath ${caPath}` : 'set email.caPath to its authority'
    return `has a certificate that is not to be trusted (${said}): ${advice}, or have the certificate renewed`
  }
  if (code === 'EAUTH')
    return `refused the login: ${said}: check email.user and what is in email.passwordFile`
  if (code === 'ETLS' && tls !== 'tls')
    return `offers no encryption (${said}): set email.tls to tls or none, or correct the server`
  return `could not be reached or does not answer as a mail server: ${originalCode ? `${originalCode}: ` : ''}${said}`
}

const isTls = /CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME|ERR_TLS|ERR_SSL/
