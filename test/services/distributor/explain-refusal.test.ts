import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readRefusal } from '../../../services/distributor/explain-refusal.ts'

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

describe('what sshd has against a login', () => {
  const table: Record<string, readonly [string, string | undefined]> = {
    'the account: it begins no exchange': [login('receive packet: type 51'), 'account'],
    'the ticket: the node’s keytab has no such key': [
      login('receive packet: type 60', 'send packet: type 61', 'receive packet: type 51'),
      'ticket',
    ],
    'the ticket’s owner, who is not in .k5login': [
      login(
        ...['receive packet: type 60', 'send packet: type 61', 'receive packet: type 61'],
        ...['send packet: type 66', 'receive packet: type 51'],
      ),
      'account-of-ticket',
    ],
    'nothing: the KDC gives no ticket for the node': [
      'debug1: Next authentication method: gssapi-with-mic\ndebug1: Unspecified GSS failure.  Minor code may provide more information\ndebug1: Server host/node1@LAB.EXAMPLE not found in Kerberos database\ndebug1: No more authentication methods to try.\n',
      'no-ticket',
    ],
    'unknown where it offers no Kerberos': [
      'debug1: Authentications that can continue: publickey\n',
      undefined,
    ],
    'unknown where the node is away': ['ssh: connect to host node1 port 22: Connection refused\n', undefined],
  }
  for (const [what, [debug, expected]] of Object.entries(table))
    it(`is ${what}`, () => assert.equal(readRefusal(debug), expected))
})
