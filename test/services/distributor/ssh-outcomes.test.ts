import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { judgeFiles, parseResults } from '../../../services/distributor/place.ts'
import { pushBySsh } from '../../../services/distributor/ssh.ts'
import { classify } from '../../../services/distributor/ssh-failure.ts'
import type { PlacedFile } from '../../../services/distributor/transport.ts'
import { Permanent, Transient } from '../../../shared/errors.ts'
import { entryOf } from '../build.ts'
import { exited, notFound, timedOut } from '../outcome.ts'
import { wrapProgram } from './place-here.ts'

const failed = (stderr: string) => exited(255, stderr.replaceAll('\n', '\r\n'))

describe('why a push failed', () => {
  /** As OpenSSH 9.2 prints them. */
  const changed = `@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Offending ED25519 key in /etc/ssh/ssh_known_hosts:1
Host key for node1.lab.example has changed and you have requested strict checking.
Host key verification failed.
`
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
    'a connection closed while logging in': [
      failed('Connection closed by 10.0.0.1 port 22\n'),
      'connection-lost',
    ],
    'a connection closed while pushing': [
      failed('Connection to node1 closed by remote host.\n'),
      'connection-lost',
    ],
    'a broken pipe': [failed('client_loop: send disconnect: Broken pipe\n'), 'connection-lost'],
    'a silent node': [failed('Timeout, server node1 not responding.\n'), 'connection-lost'],
    'our own deadline': [timedOut, 'push-timeout'],
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
    'a full process table': [exited(2, 'sh: 1: Cannot fork\n'), 'push-failed'],
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
      'push-failed',
    ],
    'a file of the account’s that its shell may not read': [
      exited(126, 'sh: 1: /home/x/y: Permission denied\n'),
      'push-failed',
    ],
  }
  for (const [what, [outcome, code]] of Object.entries(table))
    it(`${what} is ${code}`, () => assert.equal(classify(outcome), code))
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
        ...{ ssh: program, rsync: 'none', ccache: '/nowhere', staging: '/nowhere', timeoutMs: 60_000 },
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
  it('says whose UID it met, and is not tried again', async (t) => {
    await assert.rejects(push(t, 'echo "managed-tokens: 0 wrong-owner 4711"; exit 0'), (error: Permanent) => {
      assert.match(error.message, /dunepro has UID 4711 on node1.lab.example, not 61234/)
      return code('wrong-owner', Permanent)(error)
    })
  })
  it('hides what a program says of the token it was given', async (t) => {
    await assert.rejects(push(t, 'cat >&2; exit 1'), code('push-failed', Transient))
  })
  it('names a host key that is not known, and is not tried again', async (t) => {
    await assert.rejects(
      push(t, 'echo "Host key verification failed." >&2; exit 255'),
      code('host-key-unknown', Permanent),
    )
  })
})
