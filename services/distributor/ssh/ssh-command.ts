/** ssh's words: what must hold stands on both sides of the operator's own, so that they cannot weaken it. Pure. */
import type { Entry } from '../../../shared/config/site.ts'
import type { ControlSocket, PushMeans } from '../transport/push.ts'

/**
 * Everything before the node: the system's configuration, the one way to log in, strict host keys, the account; then the
 * operator's own options. Of `-o` and `-l` ssh takes the first that it is given, of flags the last.
 */
export function sshWords(
  entry: Pick<Entry, 'account' | 'sshOptions' | 'identityFile'>,
  { control, connectMs }: Partial<Pick<PushMeans, 'control' | 'connectMs'>> = {},
): string[] {
  const fixed = [
    'BatchMode=yes',
    ...loginOptions(entry),
    'GSSAPIDelegateCredentials=no',
    'StrictHostKeyChecking=yes',
    'UserKnownHostsFile=none',
    'ForwardAgent=no',
    'ForwardX11=no',
    'ClearAllForwardings=yes',
    'PermitLocalCommand=no',
    // So that it says when it has logged in: what is said before is its own or sshd's, what comes after may be the account's.
    'LogLevel=VERBOSE',
    ...(control ? controlOptions(control) : []),
  ]
  return [
    ...['-F', '/etc/ssh/ssh_config', ...fixed.flatMap((option) => ['-o', option]), '-l', entry.account],
    ...entry.sshOptions,
    ...(connectMs === undefined ? [] : ['-o', `ConnectTimeout=${Math.ceil(connectMs / 1_000)}`]),
    // No agent (-a), no delegated ticket (-k), no X11 (-x), no terminal (-T), whatever flags stand before.
    ...['-a', '-k', '-x', '-T', '--'],
  ]
}

/** By the entry's ticket, or by its key and no other. In the key's path ssh would fill in what stands behind a `%`. */
const loginOptions = ({ identityFile }: Pick<Entry, 'identityFile'>) =>
  identityFile === undefined
    ? ['GSSAPIAuthentication=yes', 'PreferredAuthentications=gssapi-with-mic']
    : [
        ...['GSSAPIAuthentication=no', 'PubkeyAuthentication=yes', 'PreferredAuthentications=publickey'],
        ...['IdentityAgent=none', 'IdentitiesOnly=yes', `IdentityFile=${identityFile.replaceAll('%', '%%')}`],
      ]

/** Where ssh finds the ticket. */
export const ticketOf = ({ ccache }: Pick<PushMeans, 'ccache'>) =>
  ccache === undefined ? {} : { KRB5CCNAME: `FILE:${ccache}` }

/** The path is relative to the directory ssh runs in: a whole one may be too long for a socket's address. */
const controlOptions = ({ name, persistMs }: ControlSocket) => [
  'ControlMaster=auto',
  `ControlPath=./${name}`,
  `ControlPersist=${Math.ceil(persistMs / 1_000)}`,
  // A connection that died in silence must not wait for the next push to find out.
  'ServerAliveInterval=10',
  'ServerAliveCountMax=3',
]
