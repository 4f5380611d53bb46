import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connectionError, reasonOfSsh } from '../../../../services/distributor/ssh/ssh-failure.ts'
import { judgeFiles, parseResults } from '../../../../services/distributor/transport/place.ts'
import type { PlacedFile, Push } from '../../../../services/distributor/transport/push.ts'
import { pushBySsh } from '../../../../services/distributor/transport/ssh.ts'
import type { CommandOutcome } from '../../../../shared/commands/command.ts'
import { Permanent, Transient } from '../../../../shared/contracts/errors.ts'
import type { ReasonCode } from '../../../../shared/contracts/reasons.ts'
import { entryOf } from '../../build.ts'
import { exited, notFound, timedOut } from '../../outcome.ts'
import { wrapProgram } from '../transport/place-here.ts'

const failed = (stderr: string) => exited(255, stderr.replaceAll('\n', '\r\n'))

/** As OpenSSH 9.2 prints it. */
const changed = `@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Offending ED25519 key in /etc/ssh/ssh_known_hosts:1
Host key for node1.lab.example has changed and you have requested strict checking.
Host key verification failed.
`

describe('why a push failed', () => {
  /** As OpenSSH 9.2 prints them. */
  const table: Record<string, [ReturnType<typeof exited>, string]> = {
    'another host key than the known one': [failed(changed), 'host-key-changed'],
    'a revoked host key': [
      failed('@       WARNING: REVOKED HOST KEY DETECTED!               @\nHost key verification failed.\n'),
      'host-key-changed',
    ],
    'a host key that is not known': [failed('Host key verification failed.\n'), 'host-key-unknown'],
    'a host key that is not known, said at length': [
      failed(
        'No ED25519 host key is known for node1 and you have requested strict checking.\nHost key verification failed.\n',
      ),
      'host-key-unknown',
    ],
    'a name that does not resolve': [
      failed('ssh: Could not resolve hostname node9.lab.example: Name or service not known\n'),
      'node-unknown',
    ],
    'nothing on the port': [
      failed('ssh: connect to host node1 port 22: Connection refused\n'),
      'connection-refused',
    ],
    'no route': [failed('ssh: connect to host node1 port 22: No route to host\n'), 'node-unreachable'],
    'no network': [
      failed('ssh: connect to host node1 port 22: Network is unreachable\n'),
      'node-unreachable',
    ],
    'no answer to the connection': [
      failed('ssh: connect to host node1 port 22: Connection timed out\n'),
      'node-unreachable',
    ],
    'a black hole behind an open port': [
      failed('Connection timed out during banner exchange\nConnection to 10.0.0.1 port 22 timed out\n'),
      'node-unreachable',
    ],
    'a refused ticket': [
      failed('dunepro@node1: Permission denied (gssapi-keyex,gssapi-with-mic).\n'),
      'kerberos-refused',
    ],
    'a locked account': [failed('dunepro@node1: Permission denied (gssapi-with-mic).\n'), 'kerberos-refused'],
    'too many tries': [
      failed(
        'Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures\nDisconnected from 10.0.0.1 port 22\n',
      ),
      'kerberos-refused',
    ],
    MaxStartups: [
      failed(
        'kex_exchange_identification: Connection closed by remote host\nConnection closed by 10.0.0.1 port 22\n',
      ),
      'connection-dropped',
    ],
    'a reset before the greeting': [
      failed(
        'kex_exchange_identification: read: Connection reset by peer\nConnection reset by 10.0.0.1 port 22\n',
      ),
      'connection-dropped',
    ],
    'PAM without a word: access.conf, pam_nologin, an account that is locked': [
      failed('Connection closed by 10.0.0.1 port 22\n'),
      'login-refused',
    ],
    'a connection closed while pushing': [
      failed('Connection to node1 closed by remote host.\n'),
      'connection-lost',
    ],
    'a broken pipe': [failed('client_loop: send disconnect: Broken pipe\n'), 'connection-lost'],
    'a silent node': [failed('Timeout, server node1 not responding.\n'), 'connection-lost'],
    'our own deadline before anybody could log in': [timedOut, 'node-unreachable'],
    'no ssh here': [notFound, 'push-failed'],
    'an account whose shell is nologin': [
      exited(1, '', 'Welcome\nThis account is currently not available.\n'),
      'login-refused',
    ],
    'an account that has expired': [
      failed(
        'Your account has expired; please contact your system administrator.\nConnection closed by 10.0.0.1 port 22\n',
      ),
      'login-refused',
    ],
    'a full process table': [exited(2, 'sh: 1: Cannot fork\n'), 'shell-failed'],
    'ciphers that do not match': [
      failed('Unable to negotiate with 10.0.0.1 port 22: no matching cipher found. Their offer: 3des-cbc\n'),
      'push-failed',
    ],
    'a banner that speaks of refusals, before a refused ticket': [
      failed(
        'NOTICE: Connection refused to strangers. Permission denied. REMOTE access is logged.\ndunepro@node1: Permission denied (gssapi-with-mic).\n',
      ),
      'kerberos-refused',
    ],
    'a banner that speaks of refusals, and a script that failed': [
      exited(1, 'NOTICE: Connection refused to strangers. Host key verification failed? Call us.\n'),
      'shell-failed',
    ],
    'a file of the account’s that its shell may not read': [
      exited(126, 'sh: 1: /home/x/y: Permission denied\n'),
      'shell-failed',
    ],
  }
  for (const [what, [outcome, code]] of Object.entries(table))
    it(`${what} is ${code}`, () => assert.equal(reasonOfSsh(outcome), code))
})

/** What people are told of a push for the account `dunepro`: the reason, and words that it has or must not have. */
interface Told {
  readonly outcome: CommandOutcome
  readonly code: ReasonCode
  readonly says: RegExp
  readonly saysNot?: RegExp
}

describe('whose fault it is that a push failed', () => {
  const closed =
    'kex_exchange_identification: Connection closed by remote host\nConnection closed by UNKNOWN port 65535\n'
  const way = /the way leads through a jump host or another program/
  const refused = (list: string) => failed(`dunepro@node1: Permission denied (${list}).\n`)
  const entered = 'Authenticated to node1 ([10.0.0.1]:22) using "gssapi-with-mic".\n'
  const farewell =
    'Transferred: sent 7576, received 3220 bytes, in 0.1 seconds\nBytes per second: sent 111591.4, received 47429.3\n'
  /** A session that ended with this exit code, and said this on stderr and stdout. */
  const session = (exitCode: number, stderr = '', stdout = '') =>
    exited(exitCode, `${entered}${stderr}${farewell}`.replaceAll('\n', '\r\n'), stdout)
  const table: Record<string, Told> = {
    'a dead node behind a jump host': {
      outcome: failed(
        `channel 0: open failed: connect failed: Connection refused\nstdio forwarding failed\n${closed}`,
      ),
      code: 'node-unreachable',
      says: /way leads through .* which says: channel 0: open failed: connect failed: Connection refused/,
      saysNot: /MaxStartups|too many/,
    },
    'a node to which the jump host has no route': {
      outcome: failed(
        `channel 0: open failed: connect failed: No route to host\nstdio forwarding failed\n${closed}`,
      ),
      code: 'node-unreachable',
      says: /No route to host/,
    },
    'a node whose name the jump host does not know': {
      outcome: failed(
        `channel 0: open failed: connect failed: Name or service not known\nstdio forwarding failed\n${closed}`,
      ),
      code: 'node-unreachable',
      says: /Name or service not known/,
    },
    'a jump host that forwards nothing': {
      outcome: failed(
        `channel 0: open failed: administratively prohibited: open failed\nstdio forwarding failed\n${closed}`,
      ),
      code: 'node-unreachable',
      says: /administratively prohibited/,
    },
    'a dead jump host': {
      outcome: failed(`ssh: connect to host jump1 port 22: Connection refused\n${closed}`),
      code: 'node-unreachable',
      says: /ssh: connect to host jump1 port 22: Connection refused/,
      saysNot: /nothing listens on its ssh port/,
    },
    'a jump host without a name': {
      outcome: failed(`ssh: Could not resolve hostname jump1: Name or service not known\n${closed}`),
      code: 'node-unreachable',
      says: /Could not resolve hostname jump1/,
    },
    'a jump host that is a black hole': {
      outcome: failed(
        'Connection timed out during banner exchange\nConnection to UNKNOWN port 65535 timed out\n',
      ),
      code: 'node-unreachable',
      says: way,
    },
    'a jump host that refuses the login': {
      outcome: failed(`dunepro@jump1: Permission denied (gssapi-with-mic).\n${closed}`),
      code: 'kerberos-refused',
      says: /a host on the way to it refused the login; .*dunepro@jump1: Permission denied/,
      saysNot: /\.k5login/,
    },
    'a jump host with another host key': {
      outcome: failed(`${changed.replaceAll('node1', 'jump1')}${closed}`),
      code: 'host-key-changed',
      says: /a host key on the way/,
    },
    'a jump host with too many connections': {
      outcome: failed(
        `kex_exchange_identification: Connection closed by remote host\nConnection closed by 10.0.0.9 port 22\n${closed}`,
      ),
      code: 'connection-dropped',
      says: /a host on the way .*MaxStartups/,
    },
    'a dead node behind nc': {
      outcome: failed(`nc: connect to node1 (10.0.0.1) port 22 (tcp) failed: Connection refused\n${closed}`),
      code: 'node-unreachable',
      says: /nc: connect to node1 .* failed: Connection refused/,
    },
    'a dead node behind an nc that says nothing': {
      outcome: failed(closed),
      code: 'node-unreachable',
      says: /way leads through .* which ended without a word/,
      saysNot: /MaxStartups/,
    },
    'the same from an older ssh': {
      outcome: failed(closed.replace('kex_', 'ssh_')),
      code: 'node-unreachable',
      says: way,
    },
    'a ProxyCommand that is not there': {
      outcome: failed(`/bin/sh: 1: exec: corkscrew: not found\n${closed}`),
      code: 'node-unreachable',
      says: /corkscrew: not found/,
    },
    'no route to an IPv6 address': {
      outcome: failed('ssh: connect to host 2001:db8::1 port 22: No route to host\n'),
      code: 'node-unreachable',
      says: /it cannot be reached/,
      saysNot: way,
    },
    'a name server that is away': {
      outcome: failed('ssh: Could not resolve hostname node1: Temporary failure in name resolution\n'),
      code: 'node-unknown',
      says: /its name is unknown/,
    },
    'a ticket or an account that sshd does not take': {
      outcome: refused('gssapi-keyex,gssapi-with-mic'),
      code: 'kerberos-refused',
      says: /keytab .* \.k5login .* no such account/,
    },
    'an sshd without Kerberos': {
      outcome: refused('publickey,password'),
      code: 'kerberos-refused',
      says: /its sshd takes no Kerberos login, only publickey,password/,
      saysNot: /keytab/,
    },
    'PAM that closes the connection at the login': {
      outcome: failed('Connection closed by 10.0.0.1 port 22\n'),
      code: 'login-refused',
      says: /PAM refuses the account .* or sshd ended/,
    },
    'a node that comes up': {
      outcome: failed(
        '"System is booting up. Unprivileged users are not permitted to log in yet."\nConnection closed by 10.0.0.1 port 22\n'.slice(
          1,
        ),
      ),
      code: 'login-refused',
      says: /Connection closed|System is booting up/,
    },
    'a password that has to be changed first': {
      outcome: session(
        1,
        'WARNING: Your password has expired.\nPassword change required but no TTY available.\n',
      ),
      code: 'login-refused',
      says: /Password change required but no TTY available/,
    },
    'an account for sftp alone': {
      outcome: session(1, '', 'This service allows sftp connections only.\n'),
      code: 'login-refused',
      says: /This service allows sftp connections only/,
    },
    'EL’s nologin': {
      outcome: session(1, '', 'This account is currently not available.\n'),
      code: 'login-refused',
      says: /currently not available/,
    },
    'a shell that ends by itself: /bin/false': {
      outcome: session(1),
      code: 'shell-failed',
      says: /login shell of dunepro, .* ended with code 1 and said nothing, before the files were taken/,
    },
    'a shell that reads all that it is given, and ends well': {
      outcome: session(0),
      code: 'shell-failed',
      says: /login shell of dunepro, .* ended as if all were well/,
    },
    'a start-up file that becomes a shell which is not there': {
      outcome: session(127, '/home/dunepro/.bashrc: line 1: exec: zsh: not found\n'),
      code: 'shell-failed',
      says: /ended with code 127 and said: .*exec: zsh: not found/,
      saysNot: /Transferred|Bytes per second/,
    },
    'a forced command that does something else': {
      outcome: session(3, 'this key may only run backups\n'),
      code: 'shell-failed',
      says: /this key may only run backups/,
    },
    'a process limit': {
      outcome: session(254, '/bin/sh: 1: Cannot fork\n'),
      code: 'shell-failed',
      says: /Cannot fork/,
    },
    'a start-up file that speaks like ssh, and a shell that ends with ssh’s exit code': {
      outcome: session(
        255,
        'kex_exchange_identification: Connection closed by remote host\nssh: connect to host x port 22: Connection refused\n',
      ),
      code: 'shell-failed',
      says: /login shell of dunepro/,
    },
    'a start-up file that speaks like ssh, over a connection that is kept': {
      outcome: exited(1, 'Host key verification failed.\n'),
      code: 'shell-failed',
      says: /login shell of dunepro, .* said: Host key verification failed/,
    },
    'a first address that was dead, and a shell that ends': {
      outcome: exited(1, `ssh: connect to host node1 port 22: Connection timed out\n${entered}${farewell}`),
      code: 'shell-failed',
      says: /login shell of dunepro/,
    },
    'a session that sshd does not begin': {
      outcome: session(255, 'channel 0: open failed: connect failed: open failed\n'),
      code: 'shell-failed',
      says: /channel 0: open failed/,
    },
    'a node that goes down in the middle': {
      outcome: session(255, 'Connection to node1 closed by remote host.\n'),
      code: 'connection-lost',
      says: /the connection was lost/,
    },
    'a script that ends between two files': {
      outcome: session(1, 'Killed\n', 'managed-tokens: 1 ok\n'),
      code: 'push-failed',
      says: /what ran there ended with code 1 and said: Killed/,
    },
    'a node that takes connections and lets nobody in': {
      outcome: { kind: 'timeout', stdout: '', stderr: '' },
      code: 'node-unreachable',
      says: /nobody could log in there in time/,
    },
    'a shell or a disk that hangs': {
      outcome: { kind: 'timeout', stdout: '', stderr: entered },
      code: 'push-timeout',
      says: /lets the account log in, and no answer comes/,
    },
  }
  const push = { entry: entryOf(), node: 'node1' } as Push
  for (const [what, { outcome, code, says, saysNot }] of Object.entries(table))
    it(`${what}: ${code}`, () => {
      const { failure, message } = connectionError(push, 'ssh', outcome)
      assert.equal(failure.code, code, message)
      assert.match(message, says)
      if (saysNot) assert.doesNotMatch(message, saysNot)
    })

  it('a connection that is kept and brings no answer is not taken for a node that is away', () => {
    const silent: CommandOutcome = { kind: 'timeout', stdout: '', stderr: '' }
    assert.equal(connectionError(push, 'ssh', silent, true).failure.code, 'push-timeout')
  })

  it('of rsync too: a shell that prints first, a program that is missing there, an end in the middle', () => {
    const of = (stderr: string) => connectionError(push, 'rsync', session(12, stderr)).failure
    const missing = of(
      'bash: line 1: rsync: command not found\nrsync: connection unexpectedly closed (0 bytes received so far) [sender]\nrsync error: remote command not found (code 127) at io.c(228)\n',
    )
    assert.equal(missing.code, 'shell-failed')
    assert.match(missing.message, /said: bash: line 1: rsync: command not found/)
    assert.equal(of('rsync error: error in rsync protocol data stream (code 12)\n').code, 'push-failed')
    assert.equal(of('client_loop: send disconnect: Broken pipe\n').code, 'connection-lost')
  })
})

describe('the results of a push', () => {
  it('are read by number; everything else on stdout is passed over', () => {
    const said =
      'Welcome\nmanaged-tokens: 1 ok\n managed-tokens: 2 ok\nmanaged-tokens: x ok\nmanaged-tokens: 2 squatted a b\n'
    assert.deepEqual(
      [...parseResults(said)],
      [
        [1, 'ok'],
        [2, 'squatted a b'],
      ],
    )
  })

  const files: PlacedFile[] = [
    { path: '/tmp/vt_u1', mode: '400', content: 'x' },
    { path: '/tmp/role', mode: '644', content: 'production', optional: true },
  ]
  const judged = (first: string, second = 'ok') =>
    judgeFiles(
      { entry: entryOf(), node: 'node1', files },
      new Map([
        [1, first],
        [2, second],
      ]),
    )
  const bad: Record<string, [new (...args: never[]) => Error, string]> = {
    'disk-full': [Transient, 'disk-full'],
    'squatted mv: cannot overwrite directory': [Permanent, 'destination-squatted'],
    'no-directory': [Permanent, 'destination-missing'],
    'unsafe its owner is 4711 and its mode 777': [Permanent, 'destination-unsafe'],
    'other Read-only file system': [Transient, 'push-failed'],
    okay: [Transient, 'push-failed'],
    '': [Transient, 'push-failed'],
  }
  for (const [result, [kind, code]] of Object.entries(bad))
    it(`${JSON.stringify(result)} of a token is ${code}, ${kind.name}`, () => {
      assert.throws(
        () => judged(result),
        (error: Permanent | Transient) => error instanceof kind && error.failure.code === code,
      )
    })
  it('are no failure when only the role file is missing: a warning names it', () => {
    assert.match(judged('ok', 'squatted x') ?? '', /^\/tmp\/role could not be written on node1 \(squatted\)/)
    assert.equal(judged('ok'), undefined)
  })
})

describe('pushing with a program that only claims to be ssh', () => {
  const files: PlacedFile[] = [
    { path: '/tmp/vt_u1', mode: '400', content: 'hvs.canary' },
    { path: '/tmp/vt_u1-dune_production', mode: '400', content: 'hvs.canary' },
  ]
  const push = async (t: Parameters<typeof wrapProgram>[0], body: string) => {
    const program = `${wrapProgram(t, 'true', body)}/true`
    return pushBySsh(
      { entry: entryOf(), node: 'node1.lab.example', uid: 61_234, files },
      {
        ...{
          ssh: program,
          rsync: 'none',
          ccache: '/nowhere',
          staging: '/nowhere',
          timeoutMs: 60_000,
          connectMs: 20_000,
        },
        signal: AbortSignal.timeout(120_000),
      },
    )
  }
  const code =
    (expected: string, kind: typeof Permanent | typeof Transient) => (error: Permanent | Transient) => {
      assert.ok(error instanceof kind)
      assert.equal(error.failure.code, expected)
      assert.ok(!error.message.includes('canary') && !error.message.includes('\n'))
      return true
    }

  it('is a success only when every file is reported', async (t) => {
    const both = 'cat >/dev/null; printf "managed-tokens: 1 ok\\nmanaged-tokens: 2 ok\\n"; exit 0'
    assert.equal(await push(t, both), undefined)
    await assert.rejects(
      push(t, 'cat >/dev/null; echo "managed-tokens: 1 ok"; exit 0'),
      code('push-failed', Transient),
    )
    await assert.rejects(
      push(t, 'cat >/dev/null; printf "managed-tokens: 1 ok\\nmanaged-tokens: 7 ok\\n"; exit 0'),
      code('push-failed', Transient),
    )
  })
  it('is no success when ssh failed after the last result', async (t) => {
    const lost = 'cat >/dev/null; printf "managed-tokens: 1 ok\\nmanaged-tokens: 2 ok\\n"; exit 255'
    await assert.rejects(push(t, lost), code('push-failed', Transient))
  })
  it('is no other UID’s account where the UID is the wanted one: a shell has run the script piecemeal', async (t) => {
    await assert.rejects(
      push(t, 'cat >/dev/null; echo "managed-tokens: 0 wrong-owner 61234"; exit 0'),
      (error: Transient) => error instanceof Transient,
    )
  })
  it('is a success however much the account’s start-up files print before', async (t) => {
    const noise = 'head -c 300000 /dev/zero | tr "\\0" x'
    const both = 'cat >/dev/null; printf "\\nmanaged-tokens: 1 ok\\nmanaged-tokens: 2 ok\\n"; exit 0'
    assert.equal(await push(t, `${noise}; ${noise} >&2; ${both}`), undefined)
  })
  it('says nothing that the node did not say in clean words, and few of them', async (t) => {
    const said = `printf 'managed-tokens: 0 wrong-owner \\033[2J\\033]0;x\\007%060000d\\n' 1`
    await assert.rejects(push(t, `cat >/dev/null; ${said}; exit 0`), (error: Permanent) => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal would obey them
      assert.doesNotMatch(error.message, /[\u0000-\u001f]/)
      assert.ok(error.message.length < 400, `${error.message.length} characters`)
      return code('wrong-owner', Permanent)(error)
    })
  })
  it('says whose UID it met, and is not tried again', async (t) => {
    await assert.rejects(push(t, 'echo "managed-tokens: 0 wrong-owner 4711"; exit 0'), (error: Permanent) => {
      assert.match(error.message, /dunepro has UID 4711 on node1.lab.example, not 61234/)
      return code('wrong-owner', Permanent)(error)
    })
  })
  it('hides what a program says of the token it was given', async (t) => {
    await assert.rejects(push(t, 'cat >&2; exit 1'), code('shell-failed', Transient))
  })
  it('names a host key that is not known, and is not tried again', async (t) => {
    await assert.rejects(
      push(t, 'echo "Host key verification failed." >&2; exit 255'),
      code('host-key-unknown', Permanent),
    )
  })
})
