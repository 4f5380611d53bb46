/**
 * sshd answers "Permission denied" whatever it has against a login; only the packets of the exchange (RFC 4462) tell an
 * account that it does not know from a ticket that it does not take.
 */
import { runCommand } from '../../shared/command.ts'
import { commandEnvironment } from '../../shared/config/environment.ts'
import { sshWords } from './ssh-command.ts'
import { type NodeFailure, nodeError } from './ssh-failure.ts'
import type { Push, PushMeans } from './transport.ts'

/** What sshd has against the login. */
export type Refusal = 'account' | 'ticket' | 'account-of-ticket' | 'no-ticket'

/**
 * Reads what ssh says at LogLevel=DEBUG3 (OpenSSH 7 to 9.2). For an account that sshd does not know or let in, it refuses the
 * request (51) and begins no exchange (60); a ticket of another key ends the exchange; a good one is refused after its last
 * packet (66). Pure.
 */
export function readRefusal(debug: string): Refusal | undefined {
  const [, exchange] = debug.split(/^debug2: we sent a gssapi-with-mic packet, wait for reply\r?$/m)
  if (exchange === undefined)
    return /^debug1: .*(Server \S+ not found in Kerberos database|No Kerberos credentials)/m.test(debug)
      ? 'no-ticket'
      : undefined
  const [first] = exchange.matchAll(/^debug3: receive packet: type (\d+)/gm)
  if (first?.[1] === '51') return 'account'
  if (first?.[1] !== '60') return undefined
  return /^debug3: send packet: type 66/m.test(exchange) ? 'account-of-ticket' : 'ticket'
}

/** Logs in once more to find out what sshd has against it. Returns the refusal with what was found. */
export async function explainRefusal(
  push: Push,
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
    env: { ...commandEnvironment(), KRB5CCNAME: `FILE:${means.ccache}` },
    timeoutMs: means.timeoutMs,
    signal: means.signal,
  })
  const refusal = readRefusal(outcome.stderr)
  return refusal ? refusalError(push, refusal) : refused
}

function refusalError(push: Push, refusal: Refusal): NodeFailure {
  const { account, principal } = push.entry
  const told = {
    account: `sshd there knows no account ${account}, or does not let it in (locked, no such shell, AllowUsers)`,
    ticket: 'sshd did not accept the ticket: the node’s keytab does not fit the KDC’s key',
    'account-of-ticket': `sshd accepted the ticket, and ${account} does not let ${principal} in: .k5login`,
    'no-ticket': 'the KDC gives no ticket for the node: it knows no host principal of that name',
  } as const
  const code = refusal === 'account' ? 'account-unknown' : 'kerberos-refused'
  return nodeError(push, code, told[refusal]) as NodeFailure
}
