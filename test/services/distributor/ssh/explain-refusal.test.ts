import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readRefusal } from '../../../../services/distributor/ssh/explain-refusal.ts'

/** As ssh 9.2 tells a login at LogLevel=DEBUG3, from the request on; what the packets are is in RFC 4462. */
const login = (...exchange: string[]) =>
  [
    'debug3: send packet: type 50',
    'debug3: receive packet: type 51',
    'debug1: Authentications that can continue: gssapi-with-mic',
    'debug1: Next authentication method: gssapi-with-mic',
    'debug3: send packet: type 50',
    'debug2: we sent a gssapi-with-mic packet, wait for reply',
    ...exchange.map((packet) => `debug3: ${packet}`),
    'debug1: Authentications that can continue: gssapi-with-mic',
    'debug3: send packet: type 50',
    'debug2: we sent a gssapi-with-mic packet, wait for reply',
    'debug3: receive packet: type 51',
    'debug1: No more authentication methods to try.',
    'dunepro@node1: Permission denied (gssapi-with-mic).',
    '',
  ].join('\r\n')

const gss = (says: string) =>
  `debug1: Next authentication method: gssapi-with-mic\ndebug1: Unspecified GSS failure.  Minor code may provide more information\n${says}\n\n\n`

describe('what stands against a login', () => {
  const table: Record<string, readonly [string, ReturnType<typeof readRefusal>]> = {
    'is the account: sshd begins no exchange': [login('receive packet: type 51'), { kind: 'account' }],
    'is the ticket: the node’s keytab has no such key': [
      login('receive packet: type 60', 'send packet: type 61', 'receive packet: type 51'),
      { kind: 'ticket' },
    ],
    'is the ticket’s owner, who is not in .k5login': [
      login(
        ...['receive packet: type 60', 'send packet: type 61', 'receive packet: type 61'],
        ...['send packet: type 66', 'receive packet: type 51'],
      ),
      { kind: 'account-of-ticket' },
    ],
    'is here: the KDC does not know the node, and ssh sends a request all the same': [
      `${gss('Server host/node1@LAB.EXAMPLE not found in Kerberos database')}${login('receive packet: type 51')}`,
      { kind: 'no-ticket', says: 'Server host/node1@LAB.EXAMPLE not found in Kerberos database' },
    ],
    'is here: no KDC answers': [
      gss("Cannot contact any KDC for realm 'LAB.EXAMPLE'"),
      { kind: 'no-ticket', says: "Cannot contact any KDC for realm 'LAB.EXAMPLE'" },
    ],
    'is not known where sshd offers no Kerberos': [
      'debug1: Authentications that can continue: publickey\n',
      undefined,
    ],
    'is not known where the node is away': [
      'ssh: connect to host node1 port 22: Connection refused\n',
      undefined,
    ],
  }
  for (const [what, [debug, expected]] of Object.entries(table))
    it(what, () => assert.deepEqual(readRefusal(debug), expected))
})
