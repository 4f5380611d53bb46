/**
 * sshd answers "Permission denied" whatever it has against a login; only the packets of the exchange (RFC 4462) tell an
 * account that it does not know from a ticket that it does not take.
 */
import { runCommand } from '../../../shared/commands/command.ts'
import { commandEnvironment } from '../../../shared/config/environment.ts'
import { cleanLine } from '../../../shared/contracts/one-sentence.ts'
import type { PushMeans, PushTarget } from '../transport/push.ts'
import { sshWords, ticketOf } from './ssh-command.ts'
import { type NodeFailure, nodeError } from './ssh-failure.ts'

/** What stands against the login: here (no ticket for the node), or at the node. */
export type Refusal =
  | { readonly kind: 'no-ticket'; readonly says: string }
  | { readonly kind: 'account' | 'ticket' | 'account-of-ticket' }

/** GSSAPI's own complaint, in two lines of which the second has the reason: this side has no ticket to offer. */
const gssFailure = /^debug1: (?:Unspecified GSS failure|No credentials were supplied).*\n(.+)$/m

/**
 * Reads what ssh says at LogLevel=DEBUG3 (OpenSSH 7 to 9.2). For an account that sshd does not know or let in, it refuses the
 * request (51) and begins no exchange (60); a ticket of another key ends the exchange; a good one is refused after its last
 * packet (66). Pure.
 */
export function readRefusal(debug: string): Refusal | undefined {
  const text = debug.replaceAll('\r', '')
  // Without a ticket ssh sends a request all the same, for a mechanism that no sshd has.
  const says = gssFailure.exec(text)?.[1]
  if (says) return { kind: 'no-ticket', says: cleanLine(says) }
  const [, exchange = ''] = text.split(/^debug2: we sent a gssapi-with-mic packet, wait for reply$/m)
  const answer = /^debug3: receive packet: type (\d+)/m.exec(exchange)?.[1]
  if (answer === '51') return { kind: 'account' }
  if (answer !== '60') return undefined
  return { kind: /^debug3: send packet: type 66/m.test(exchange) ? 'account-of-ticket' : 'ticket' }
}

/** Logs in once more to find out what sshd has against it. Returns the refusal with what was found. */
export async function explainRefusal(
  push: PushTarget,
  means: Pick<PushMeans, 'ssh' | 'ccache' | 'connectMs' | 'timeoutMs' | 'signal'>,
  refused: NodeFailure,
): Promise<NodeFailure> {
  const { entry, node } = push
  const outcome = await runCommand({
    file: 'setpriv',
    name: 'ssh',
    // Of `-o` the first counts.
    args: [
      ...['--pdeathsig', 'KILL', '--', means.ssh, '-o', 'LogLevel=DEBUG3'],
      ...[...sshWords(entry, { connectMs: means.connectMs }), node, 'true'],
    ],
    env: { ...commandEnvironment(), ...ticketOf(means) },
    timeoutMs: means.timeoutMs,
    signal: means.signal,
  })
  const refusal = readRefusal(outcome.stderr)
  return refusal ? refusalError(push, refusal) : refused
}

function refusalError(push: PushTarget, refusal: Refusal): NodeFailure {
  const code = refusal.kind === 'account' ? 'account-unknown' : 'kerberos-refused'
  return nodeError(push, code, describe(push, refusal)) as NodeFailure
}

function describe({ entry: { account, principal } }: PushTarget, refusal: Refusal): string {
  switch (refusal.kind) {
    case 'account':
      return `sshd there knows no account ${account}, or does not let it in (locked, no such shell, AllowUsers)`
    case 'account-of-ticket':
      return `sshd accepted the ticket, and ${account} does not let ${principal} in: .k5login`
    case 'ticket':
      return 'sshd did not accept the ticket: the node’s keytab does not fit the KDC’s key'
    case 'no-ticket':
      return `there is no Kerberos ticket for the node: ${refusal.says}`
  }
}
