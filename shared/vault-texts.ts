/** What htgettoken says when it fails, alone or inside condor_vault_storer, and which reason that is. */
import type { CommandOutcome } from './command.ts'
import type { ReasonCode } from './errors.ts'

/** Texts of htgettoken 2.x; an unreachable server outranks everything that follows from it. */
const outages: readonly (readonly [RegExp, ReasonCode])[] = [
  [/No space left on device|Disk quota exceeded/i, 'disk-full-here'],
  [/Too Many Requests|\b429\b/i, 'rate-limited'],
  [/certificate verify|CERTIFICATE_|\bSSL|\bTLS/i, 'vault-tls'],
  [
    /Connection refused|Name or service not known|No route to host|Network is unreachable|timed out|Connection reset|Temporary failure|\b50[0-4]\b|Internal Server Error|Bad Gateway|Service Unavailable|RemoteDisconnected/i,
    'vault-unreachable',
  ],
]

/**
 * The reason in htgettoken's output, or undefined when it says nothing known. "Authentication needed" only where the
 * Kerberos login worked and reading the bearer was refused: every other failure is an outage or a missing right. Pure.
 */
export function classifyVault(outcome: CommandOutcome): ReasonCode | undefined {
  if (outcome.kind === 'timeout') return 'timeout'
  const said = `${outcome.stderr}\n${outcome.stdout}`
  const outage = outages.find(([text]) => text.test(said))?.[1]
  if (outage) return outage
  if (/Kerberos negotiate with .* failed/i.test(said)) return 'permission-denied'
  if (/Forbidden|permission denied/i.test(said)) return 'permission-denied'
  if (/Read token from \S+ failed/i.test(said)) return 'authentication-needed'
  return undefined
}
