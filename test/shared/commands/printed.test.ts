/** Whatever a program of a node, of Vault or of anybody prints: reading it takes as long as it is, and no more. */
import { describe, it } from 'node:test'
import { readVersion } from '../../../cli/doctor/version.ts'
import { reasonOfSsh } from '../../../services/distributor/ssh/ssh-failure.ts'
import { parseResults } from '../../../services/distributor/transport/place.ts'
import { readComplaint, readListing } from '../../../services/distributor/transport/rsync-outcome.ts'
import { hasOwnNames } from '../../../services/storer/condor/condor-version.ts'
import { creddReason } from '../../../services/storer/condor/credd-texts.ts'
import { judgeStorer } from '../../../services/storer/condor/storer-texts.ts'
import type { CommandOutcome } from '../../../shared/commands/command.ts'
import { cleanLine, lastLine } from '../../../shared/contracts/one-sentence.ts'
import { reasonOfKinit } from '../../../shared/kerberos/kinit.ts'
import { judgeIssuer } from '../../../shared/vault/issuer-texts.ts'
import { judgeVault } from '../../../shared/vault/texts.ts'
import { assertLinear } from '../../support/cost.ts'

const printed = (text: string, exitCode = 255): CommandOutcome => ({
  kind: 'exited',
  exitCode,
  stdout: text,
  stderr: text,
})

const readers: Readonly<Record<string, (text: string) => unknown>> = {
  'ssh before a login': (text) => reasonOfSsh(printed(text)),
  'ssh after a login': (text) => reasonOfSsh(printed(`Authenticated to x ([1]:22).\n${text}`)),
  'ssh with a shell that failed': (text) => reasonOfSsh(printed(text, 1)),
  'the script on a node': parseResults,
  'rsync’s listing': readListing,
  'rsync’s complaints': (text) => readComplaint(text, '/tmp/vt_u1'),
  kinit: (text) => reasonOfKinit(printed(text)),
  htgettoken: (text) => judgeVault(printed(text)),
  'htgettoken with a refused ticket': (text) =>
    judgeVault(printed(`Initializing Kerberos ccache failed: ${text}`)),
  'a token issuer': (text) => judgeIssuer(text, 'creds'),
  'the storer': (text) => judgeStorer(printed(text)),
  'a credd': creddReason,
  'a version': readVersion,
  'HTCondor’s version': hasOwnNames,
  'a line for people': cleanLine,
  'the last line': lastLine,
}

/** Beginnings of what the readers look for, which never come to their ends. */
const beginnings = [
  ' ',
  '\n',
  ' \n',
  '9',
  '9.',
  'a',
  ': Permission denied (',
  'Cannot resolve ',
  'Server ',
  'ssh: connect to host ',
  'Account ',
  'Connection closed by ',
  'kex_exchange_identification: ',
  'debug1: No credentials were supplied',
  'HTTPError: ',
  'Aa ',
  'managed-tokens: 1 ',
  '.f',
  'server "',
  'oauth2: "',
  '$CondorVersion: ',
  'rsync: ',
  '"/',
  '\u001b[',
  '\u001b]',
  'eyJa.',
  's.',
]

describe('what is printed costs no more than its size', () => {
  for (const [what, read] of Object.entries(readers))
    it(what, () => {
      for (const beginning of beginnings)
        for (const text of [
          (size: number) => beginning.repeat(size / beginning.length),
          (size: number) => `${beginning}${' '.repeat(size)}x`,
        ])
          assertLinear(8_000, (size) => {
            const whole = text(size)
            return () => read(whole)
          })
    })
})
