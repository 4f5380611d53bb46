/** What a node, or whoever owns it, answers to a push and to a removal. */
import assert from 'node:assert/strict'
import { judge } from '../../../services/distributor/removal/judge.ts'
import { readSeen } from '../../../services/distributor/removal/remove-files.ts'
import { readRefusal } from '../../../services/distributor/ssh/explain-refusal.ts'
import { connectionError } from '../../../services/distributor/ssh/ssh-failure.ts'
import { judgeFiles, resultsOf } from '../../../services/distributor/transport/place.ts'
import {
  readComplaint,
  readListing,
  refusalOf,
  resultOf,
  resultOfBroken,
} from '../../../services/distributor/transport/rsync-outcome.ts'
import { makeEntry } from '../../support/entry.ts'
import { assertForPeople, assertTyped, orTypedNow } from '../promises.ts'
import { pureTarget } from '../target.ts'

const push = {
  entry: makeEntry(),
  node: 'node1.lab.example',
  uid: 61_234,
  files: [
    { path: '/tmp/vt_u61234', mode: '400', content: 'x' },
    { path: '/tmp/vt_u61234-dune_production', mode: '400', content: 'x' },
    { path: '/tmp/role', mode: '644', content: 'x', optional: true },
  ],
} as const

const results = ['ok', 'disk-full', 'squatted ', 'unsafe ', 'unwritable ', 'no-directory', 'other ']
const answer = [
  'managed-tokens: ',
  '\nmanaged-tokens: 1 ',
  '\nmanaged-tokens: 2 ok',
  '0 wrong-owner 0',
  '1',
  '2',
  '3',
]

/** In place is only what the script says so of, in these very letters. */
export const place = pureTarget({ name: 'place.sh', words: [...results, ...answer] }, (text) => {
  const said = orTypedNow(() => resultsOf(push, text))
  if (!said) return
  let isPlaced = false
  orTypedNow(() => {
    const warning = judgeFiles(push, said)
    if (warning !== undefined) assertForPeople(warning)
    isPlaced = true
  })
  if (isPlaced)
    for (const number of [1, 2]) assert.match(text, new RegExp(`^managed-tokens: 0*${number} ok$`, 'm'))
})

const digest = 'a1'.repeat(32)
const looked = ['absent', 'removed', 'file 400 ', digest, `file 400 ${digest}`, 'other a link', 'failed ']

/** Removed is only what holds what was put there. */
export const remove = pureTarget({ name: 'remove.sh', words: [...looked, ...answer] }, (text) => {
  const said = orTypedNow(() => resultsOf(push, text))
  if (!said) return
  const files = [1, 2].map((number) => ({
    ...{ path: push.files[number - 1]?.path ?? '', prints: ['print'] },
    seen: readSeen(said.get(number) ?? ''),
  }))
  for (const { seen } of files)
    if (seen.kind !== 'other' && seen.kind !== 'failed')
      assert.match(text, new RegExp(`^managed-tokens: \\d+ ${seen.kind}`, 'm'))
  const { remove: gone, left } = judge(files, { matches: (one) => one === digest, isOwnName: () => true })
  for (const one of gone) assert.equal(one.digest, digest)
  for (const why of left) assertForPeople(why)
})

const sshWords = [
  ...[
    'Authenticated to node1 ([127.0.0.1]:22) using "gssapi-with-mic".\n',
    'kex_exchange_identification: ',
    'managed-tokens: 1',
  ],
  ...[
    'Connection closed by remote host\n',
    'UNKNOWN port 65535',
    'node1: Permission denied (publickey,gssapi-with-mic).\n',
  ],
  ...[
    '@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n',
    'Host key verification failed.\n',
    'Load key "/x": ',
  ],
  ...[
    'Your account has expired',
    'Transferred: sent 1, received 2 bytes\n',
    'ssh: connect to host a port 22: ',
    'debug1: ',
  ],
  ...['debug1: No credentials were supplied\n', 'debug2: we sent a gssapi-with-mic packet, wait for reply\n'],
  ...['debug3: receive packet: type 60\n', 'debug3: send packet: type 66\n', 'rsync: ', 'client_loop: '],
]

export const ssh = pureTarget({ name: 'ssh', words: sshWords }, (text) => {
  for (const program of ['ssh', 'rsync'])
    for (const exitCode of [0, 1, 12, 255])
      for (const wasOpen of [false, true]) {
        const half = Math.floor(text.length / 2)
        assertTyped(
          connectionError(push, program, { kind: 'exited', exitCode, stdout: '', stderr: text }, wasOpen),
        )
        const both = { stdout: text.slice(0, half), stderr: text.slice(half) }
        assertTyped(connectionError(push, program, { kind: 'exited', exitCode, ...both }, wasOpen))
        assertTyped(connectionError(push, program, { kind: 'timeout', ...both }, wasOpen))
      }
  const refusal = readRefusal(text)
  if (refusal?.kind === 'no-ticket') assertForPeople(refusal.says)
})

const listed = [
  '.f          61234 r-------- vt_u61234',
  '.f',
  '<f',
  '.d          0 rwxrwxrwt .',
  ' 61234 ',
  ' r-------- ',
  'vt_u61234',
]
const complaints = [
  ...[
    'rsync: [receiver] mkstemp "/tmp/.vt_u61234.a" failed: ',
    'Permission denied (13)\n',
    'No space left on device (28)\n',
  ],
  ...[
    'rsync: [Receiver] mkdir "/tmp/x" failed: No such file or directory (2)\n',
    'could not make way for vt_u61234\n',
  ],
]

/** In place is only what is listed as the same, private, and the account's. */
export const rsync = pureTarget({ name: 'rsync', words: [...listed, ...complaints] }, (text) => {
  const [file] = push.files
  const listing = readListing(text)
  for (const seen of [...listing.values(), undefined])
    for (const complaint of [readComplaint(text, file.path), undefined])
      for (const judged of [resultOf, resultOfBroken]) {
        const result = judged(file, push.uid, seen, complaint)
        assertForPeople(result)
        if (result !== 'ok') continue
        assert.match(`${seen?.change} ${seen?.uid} ${seen?.permissions}`, /^\.f[. ].* 61234 r[w-]-------$/)
      }
  const refusal = refusalOf(listing.get('.'), push.uid)
  if (refusal !== undefined) assertForPeople(refusal)
})
