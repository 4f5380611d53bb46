/** What htgettoken says when it fails, alone or inside condor_vault_storer, and which reason that is. */
import type { CommandOutcome } from './command.ts'
import type { ReasonCode } from './reasons.ts'

/** An answer of Vault as htgettoken 2.x words it: `HTTPError: Forbidden: permission denied`, the status's name; before, its number. */
const answered = (status: string, name: string) =>
  new RegExp(`HTTPError: (?:HTTP Error )?(?:(?:${status})\\b|(?:${name})\\b)`, 'i')

/**
 * Texts of htgettoken 2.x; an unreachable server outranks everything that follows from it. None of them can be a host, a
 * credkey or a path: those stand in the same lines, and may hold any word or number.
 */
const outages: readonly (readonly [RegExp, ReasonCode])[] = [
  [/No space left on device|Disk quota exceeded/i, 'disk-full-here'],
  [answered('429', 'Too Many Requests'), 'rate-limited'],
  [/SSLError|\[SSL: |CERTIFICATE_VERIFY_FAILED|certificate verify failed|x509: /i, 'vault-tls'],
  [
    answered('50[0-4]', 'Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out'),
    'vault-unreachable',
  ],
  [
    /Connection refused|Name or service not known|Failed to resolve|No route to host|Network is unreachable|timed out|Connection reset|Connection aborted|Temporary failure|RemoteDisconnected/i,
    'vault-unreachable',
  ],
  // Vault answers, but cannot reach the token issuer behind it.
  [/cannot fetch token: (?:429|5\d\d)\b/i, 'vault-unreachable'],
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
  if (answered('403', 'Forbidden').test(said)) return 'permission-denied'
  if (/Read token from \S+ failed/i.test(said)) return 'authentication-needed'
  return undefined
}
