/** Nodes that a key opens: what ssh is told, and what a refusal of the key means. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sshWords } from '../../../../services/distributor/ssh/ssh-command.ts'
import { connectionError } from '../../../../services/distributor/ssh/ssh-failure.ts'
import { Transient } from '../../../../shared/contracts/errors.ts'
import { makeEntry } from '../../../support/entry.ts'
import { exited } from '../../outcome.ts'

const identityFile = '/keys/50%h'
const push = { entry: makeEntry({ identityFile }), node: 'node1', uid: 1, files: [] }

test('ssh uses that key and nothing else, and fills nothing into its path', () => {
  const words = sshWords({ account: 'cmsprod', sshOptions: [], identityFile })
  for (const option of [
    'PreferredAuthentications=publickey',
    'GSSAPIAuthentication=no',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'IdentityFile=/keys/50%%h',
    'StrictHostKeyChecking=yes',
  ])
    assert.equal(words[words.indexOf(option) - 1], '-o', option)
  assert.ok(!sshWords({ account: 'cmsprod', sshOptions: [] }).join().includes('publickey'))
})

const refusals: Record<string, readonly [string, RegExp]> = {
  'the node does not know the key': [
    'cmsprod@node1: Permission denied (publickey).\n',
    /sshd refused the key: it is not in the account’s authorized_keys/,
  ],
  'the key is open to others': [
    'Load key "/keys/a": bad permissions\ncmsprod@node1: Permission denied (publickey).\n',
    /identityFile cannot be used here: bad permissions/,
  ],
  'the key is not there': [
    'no such identity: /keys/a: No such file or directory\ncmsprod@node1: Permission denied (publickey).\n',
    /identityFile cannot be used here: No such file or directory/,
  ],
}

for (const [what, [stderr, expected]] of Object.entries(refusals))
  test(`${what}: key-refused, with what ssh says of it`, () => {
    const error = connectionError(push, 'ssh', exited(255, stderr))
    assert.ok(error instanceof Transient)
    assert.equal(error.failure.code, 'key-refused')
    assert.match(error.message, expected)
  })

test('without a key the same words are about the ticket', () => {
  const error = connectionError(
    { ...push, entry: makeEntry() },
    'ssh',
    exited(255, 'a@node1: Permission denied (publickey,gssapi-with-mic).\n'),
  )
  assert.equal(error.failure.code, 'kerberos-refused')
})
