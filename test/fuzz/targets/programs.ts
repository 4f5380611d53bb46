/** What programs print, as the modules that alone know their words read it. */
import assert from 'node:assert/strict'
import { htgettokenError } from '../../../services/refresher/credentials/htgettoken.ts'
import { hasOwnNames } from '../../../services/storer/condor/condor-version.ts'
import { creddReason, isAnswer, isLost, isWaiting } from '../../../services/storer/condor/credd-texts.ts'
import { judgeStorer } from '../../../services/storer/condor/storer-texts.ts'
import { readStored } from '../../../services/storer/condor/verify.ts'
import type { CommandOutcome } from '../../../shared/commands/command.ts'
import { creddName } from '../../../shared/config/schema/grammar.ts'
import { reasons } from '../../../shared/contracts/reasons.ts'
import { describe, reasonOfKinit } from '../../../shared/kerberos/kinit.ts'
import { serverOption } from '../../../shared/vault/server.ts'
import { reasonOfVault } from '../../../shared/vault/texts.ts'
import { vaultUrl } from '../../../shared/vault/vault-url.ts'
import { sortNames } from '../../../shared/work/find-credds.ts'
import { assertForPeople, assertTyped } from '../promises.ts'
import { pureTarget } from '../target.ts'

/** The same text on either stream, or half on each. */
function outcomesOf(text: string, exitCode = 1): CommandOutcome[] {
  const half = Math.floor(text.length / 2)
  return [
    { kind: 'exited', exitCode, stdout: text, stderr: '' },
    { kind: 'exited', exitCode, stdout: '', stderr: text },
    { kind: 'exited', exitCode, stdout: text.slice(0, half), stderr: text.slice(half) },
  ]
}

/** Nobody is asked to log in unless somebody has said one of the two things that a login mends. */
function assertNoFalseLogin(code: string | undefined, text: string): void {
  if (code === 'authentication-needed') assert.match(text, /invalid_grant|not found|\b404\b/i)
}

const vaultWords = [
  ...['Read token from https://v:8200/v1/secret/oauth/creds/dune/d:p failed: ', 'Kerberos init failed: '],
  ...[
    'Read token from https://v:8200/v1/secret/oauth/sts/dune/d:p?x failed: ',
    'HTTPError: Not Found: ',
    '\n\t* ',
  ],
  ...[
    'Looking up vault token at https://v:8200/v1/auth/token/lookup-self failed: ',
    'HTTPError: Forbidden: ',
  ],
  ...[
    'Kerberos negotiate with https://v:8200/v1/auth/kerberos-dune_p/login failed: ',
    'HTTPError: Too Many Requests: ',
  ],
  ...[
    'HTTPError: Bad Request: ',
    'token expired',
    'refresh failed: server rejected request: ',
    'invalid_grant',
  ],
  ...[
    'exchange failed: ',
    'Get "https://i.example": ',
    'KeyError: 404',
    '1 error occurred:\n\t* ',
    'oauth2: "',
    'Response: ',
  ],
  ...[
    'server "dune" has configuration problems: ',
    'context deadline exceeded',
    'htgettoken: ',
    'Authentication needed for dune\n',
  ],
]

export const htgettoken = pureTarget({ name: 'htgettoken', words: vaultWords }, (text) => {
  for (const outcome of outcomesOf(text)) {
    const asked = { service: 'dune_production', realExperiment: 'dune', vaultServer: 'vault.lab.example' }
    assertTyped(htgettokenError(asked, outcome))
    assertNoFalseLogin(reasonOfVault(outcome), text)
  }
})

const storerWords = [
  ...[
    'Failed to store condor credentials for dune\n',
    'Querying condor credentials failed\n',
    'htgettoken failed\n',
  ],
  ...[
    'Operation failed because of a configuration error',
    'authentication with x failed, so aborting command STORE_CRED',
  ],
  ...[
    'condor_vault_storer: ',
    'bash: line 1: htgettoken: command not found\n',
    '/dev/stdout: No such device or address\n',
  ],
]

export const storer = pureTarget(
  { name: 'condor_vault_storer', words: [...storerWords, ...vaultWords] },
  (text) => {
    for (const outcome of outcomesOf(text)) {
      const { code, why } = judgeStorer(outcome)
      assert.ok(Object.hasOwn(reasons, code), code)
      if (why !== undefined) assertForPeople(why)
      assertNoFalseLogin(code, text)
    }
  },
)

const credWords = [
  ...[
    'TopduneTime = ',
    'dune = ',
    '1700000000\n',
    'A credential was stored and is valid.\n',
    'No credential is stored.\n',
  ],
  ...[
    'A credential was stored and is waiting for processing.\n',
    'authentication with ',
    'failed, so aborting command STORE_CRED\n',
  ],
]

export const storeCred = pureTarget(
  { name: 'condor_store_cred', words: [...credWords, ...storerWords] },
  (text) => {
    for (const outcome of outcomesOf(text, 0)) {
      const { expiry, waitingSince } = readStored(outcome)
      for (const time of [expiry, waitingSince])
        if (time !== undefined) assert.ok(!Number.isNaN(Date.parse(time)), time)
      if (expiry !== undefined) assert.match(outcome.stdout, /^Top\S+Time = \d+/m)
      const code = creddReason(text)
      assert.ok(code === undefined || Object.hasOwn(reasons, code), code)
      assert.equal(isAnswer(outcome), true)
      assert.equal(isLost(outcome) && isWaiting(outcome) && expiry !== undefined, false)
    }
  },
)

/** Whole names in a list: each is one that may stand in a command's environment, and no option. */
export const collector = pureTarget(
  {
    name: 'condor_status',
    words: ['schedd1.lab.example', 'name@host', 'undefined', 'error', ':9618', '@', '.', '-'],
  },
  (text) => {
    const { names, refused } = sortNames(text)
    for (const name of names) {
      assert.ok(creddName.safeParse(name).success && /^[A-Za-z0-9_]/.test(name), name)
      assert.ok(text.includes(name), `${name} is nothing that was printed`)
    }
    assert.ok(refused.length <= 10)
    for (const name of refused) assertForPeople(name)
  },
)

export const condorConfig = pureTarget(
  {
    name: 'condor_config_val',
    words: ['-a ', '--vaultserver=', 'vault.lab.example', 'https://', ':8200', '/', '@', '?', '#'],
  },
  (text) => {
    const server = serverOption(text)
    if (server !== undefined) {
      assert.match(server, /^[\x21-\x7e]{1,300}$/)
      const { protocol, username, hash, search } = vaultUrl(server)
      assert.deepEqual([protocol, username, hash, search], ['https:', '', '', ''])
    }
    assert.equal(typeof hasOwnNames(text), 'boolean')
  },
)

export const kinit = pureTarget(
  {
    name: 'kinit',
    words: [
      'kinit: ',
      'Cannot contact any KDC',
      'Cannot resolve ',
      'KDC',
      ' while getting initial credentials\n',
    ],
  },
  (text) => {
    for (const outcome of outcomesOf(text)) {
      const code = reasonOfKinit(outcome)
      assert.ok(Object.hasOwn(reasons, code), code)
      assertForPeople(describe(code, outcome))
    }
  },
)
