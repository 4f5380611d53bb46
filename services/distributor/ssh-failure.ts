/** What ssh says when it does not get through (OpenSSH 9.2), and which reason that is; both transports go by it. Pure. */
import type { CommandOutcome } from '../../shared/command.ts'
import { errorOf, failure, type Permanent, type Transient } from '../../shared/errors.ts'
import { lastLine } from '../../shared/outcome-text.ts'
import type { ReasonCode } from '../../shared/reasons.ts'
import type { Push } from './transport.ts'

/**
 * The first match counts. Each is a whole phrase from the start of a line: a node's banner and its shell's complaints
 * arrive on stderr too, and may speak of refusals as they like.
 */
const texts: readonly (readonly [RegExp, ReasonCode])[] = [
  [/REMOTE HOST IDENTIFICATION HAS CHANGED|^@ +WARNING: REVOKED HOST KEY/m, 'host-key-changed'],
  // With BatchMode that is all it says of a key that it does not know.
  [/^Host key verification failed|^No \S+ host key is known for/m, 'host-key-unknown'],
  [/^ssh: Could not resolve hostname/m, 'node-unknown'],
  [/^ssh: connect to host \S+ port \d+: Connection refused/m, 'connection-refused'],
  [/^ssh: connect to host \S+ port \d+: |^Connection timed out during banner exchange/m, 'node-unreachable'],
  [
    /^\S+: Permission denied \(|^Received disconnect from .*Too many authentication failures/m,
    'kerberos-refused',
  ],
  // sshd with MaxStartups connections that have not logged in yet, or without a process to spare.
  [
    /^kex_exchange_identification: (Connection closed by remote host|read: Connection reset)/m,
    'connection-dropped',
  ],
  // From PAM: the ticket was good, the account is not.
  [/^(Your (account|password) has expired|Account \S+ has expired|System is going down)/m, 'login-refused'],
  [
    /^(Connection (to \S+ )?(closed|reset)|kex_exchange_identification:|client_loop:|Timeout, server|Received disconnect|Disconnected from|\S+: Broken pipe)/m,
    'connection-lost',
  ],
]

/** What nologin prints, on stdout, in the place of a shell. */
const refusesLogin = /^This account is currently not available/m

/** The reason for a push that did not get as far as its files. */
export function classify(outcome: CommandOutcome): ReasonCode {
  if (outcome.kind === 'timeout') return 'push-timeout'
  if (outcome.kind !== 'exited') return 'push-failed'
  const found = texts.find(([text]) => text.test(outcome.stderr))?.[1]
  return (
    found ?? (refusesLogin.test(`${outcome.stdout}\n${outcome.stderr}`) ? 'login-refused' : 'push-failed')
  )
}

const described: Partial<Record<ReasonCode, string>> = {
  'host-key-changed': 'its host key is not the known one',
  'host-key-unknown': 'its host key is not known here',
  'node-unknown': 'its name is unknown',
  'connection-refused': 'nothing listens on its ssh port',
  'node-unreachable': 'it cannot be reached',
  'kerberos-refused': 'sshd refused the ticket',
  'connection-dropped':
    'sshd closed the connection before its greeting: too many at once (MaxStartups), or no process to spare',
  'connection-lost': 'the connection was lost',
  'push-timeout': 'it did not answer in time',
}

/** The error of a node that could not be reached or asked, for `code`. */
export const nodeError = ({ entry, node }: Pick<Push, 'entry' | 'node'>, code: ReasonCode, why?: string) => {
  const failed = failure(code, `No token of ${entry.service} on ${node}: ${why ?? described[code]}.`, entry)
  return errorOf(failed)
}

/** The error of `program`'s run that did not get as far as the files. */
export function connectionError(push: Push, program: string, outcome: CommandOutcome): Permanent | Transient {
  const code = classify(outcome)
  const why =
    outcome.kind === 'missing'
      ? `${program} ${outcome.reason}`
      : (described[code] ?? (lastLine(outcome.stderr) || lastLine(outcome.stdout) || `${program} failed`))
  return nodeError(push, code, why)
}
