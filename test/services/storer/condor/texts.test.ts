/** Texts of HTCondor's real programs around a store: the reason, whether it is final, and whose turn it is. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { creddReason, isAnswer, isLost } from '../../../../services/storer/condor/credd-texts.ts'
import { judgeStorer } from '../../../../services/storer/condor/storer-texts.ts'
import { readStored } from '../../../../services/storer/condor/verify.ts'
import { type ReasonCode, reasons } from '../../../../shared/contracts/reasons.ts'
import { exited, notFound, timedOut } from '../../outcome.ts'

const storer = '/usr/bin/condor_vault_storer'
const asking = '\nAttempting to get tokens for dune_production\n'
const needed = 'Authentication needed for dune_production\n'
const noHtgettoken = 'condor_vault_storer: htgettoken failed\n'
const notStored = 'condor_vault_storer: Failed to store condor credentials for dune_production\n'
const notAsked = 'condor_vault_storer: Querying condor credentials failed\n'
const account = 'Account: <current> (rexbatch)\nCredType: oauth\n\n'
const hint = 'Operation failed.\n    Make sure your ALLOW_WRITE setting includes this host.\n'
const missing = `Missing required parameters: ['--vaultserver']\n\nUsage: htgettoken [-h] [otheroptions]\n\nhtgettoken: error: `
const mismatched = `Credentials exist that do not match the request.
They can be removed by
  condor_store_cred delete-oauth -s dune_production
but make sure no other job is using them.\n`

/** A complaint of the credd when the storer adds, which is on standard error. */
const whenAdding = (complaint: string) =>
  exited(1, `${asking}Storing condor credentials for dune_production\n${complaint}\n${notStored}`, account)
/** The same, when it asks: then the storer shows it. */
const whenAsking = (complaint: string) =>
  exited(1, `${asking}Checking if dune_production credentials exist\n${account}${complaint}\n${notAsked}`)

type Expected = [code: ReasonCode, ends: 'final' | 'again', turn: string, why?: RegExp]

describe('the real storer’s text', () => {
  const table: Record<string, [ReturnType<typeof exited>, Expected]> = {
    'its own standard output cannot be opened by name': [
      exited(
        1,
        `${asking}Storing condor credentials for dune_production\n${storer}: line 180: /dev/stdout: No such device or address\n${notStored}`,
      ),
      ['storer-failed', 'again', 'administrators', /could not open its own output/],
    ],
    'htgettoken’s standard output cannot be opened by name': [
      exited(
        1,
        `${asking}htgettoken: failure opening for write: OSError: [Errno 6] No such device or address: '/dev/stdout'\n${needed}${noHtgettoken}`,
      ),
      ['storer-failed', 'again', 'administrators', /could not open its own output/],
    ],
    'condor_store_cred is not installed': [
      exited(1, `${asking}${storer}: line 180: condor_store_cred: command not found\n${notStored}`),
      ['storer-failed', 'again', 'administrators', /^condor_store_cred was not found/],
    ],
    'htgettoken is not installed': [
      exited(1, `${asking}${storer}: line 262: htgettoken: command not found\n${needed}${noHtgettoken}`),
      ['storer-failed', 'again', 'administrators', /^htgettoken was not found/],
    ],
    'condor_config_val is broken, so that htgettoken hears of no Vault server': [
      exited(1, `${asking}${missing}\n${needed}${missing}\n${noHtgettoken}`),
      ['storer-failed', 'again', 'administrators', /condor_config_val does not work/],
    ],
    'nobody says what htgettoken’s options are': [
      exited(
        1,
        '\ncondor_vault_storer: Neither SEC_CREDENTIAL_GETTOKEN_OPTS condor value nor $HTGETTOKENOPTS environment set\n',
      ),
      ['storer-failed', 'again', 'administrators', /condor_config_val does not work/],
    ],
    'htgettoken does not know an option of the site': [
      exited(
        1,
        `${asking}Usage: htgettoken [-h] [otheroptions]\n\nhtgettoken: error: no such option: --vaulttoken-ttl\n${needed}${noHtgettoken}`,
      ),
      ['storer-failed', 'again', 'administrators', /HTGETTOKENOPTS/],
    ],
    'condor_store_cred does not know an option of the site': [
      exited(
        1,
        `${asking}ERROR: Unrecognized option - '-z'\n\nUsage: condor_store_cred action [options]\n${notStored}`,
      ),
      ['storer-failed', 'again', 'administrators', /SEC_CREDENTIAL_STORECRED_OPTS/],
    ],
    'the storer does not know an option of the site': [
      exited(
        1,
        `${storer}: illegal option -- x\n\nUsage: condor_vault_storer [-vd] oauth_service ...\n  -v shows more progress than normal\n`,
      ),
      ['storer-failed', 'again', 'administrators', /SEC_CREDENTIAL_VAULT_STORER_OPTS/],
    ],
    'the service has two underscores': [
      exited(1, '\ncondor_vault_storer: Only one underscore allowed in use_oauth_services name\n'),
      ['misuse', 'final', 'administrators'],
    ],
    'other scopes are stored': [
      exited(1, `${asking}\ncondor_vault_storer: ${mismatched}`),
      ['scope-mismatch', 'final', 'administrators'],
    ],
    'the credd has a configuration error': [
      whenAdding('Operation failed because of a configuration error'),
      ['credd-misconfigured', 'again', 'administrators'],
    ],
    'the connection to the credd is not secure, misspelt': [
      whenAdding('Operation aborted because communiction was not secure'),
      ['credd-misconfigured', 'again', 'administrators'],
    ],
    'the connection to the credd is not secure, spelt right': [
      whenAdding('Operation aborted because communication was not secure'),
      ['credd-misconfigured', 'again', 'administrators'],
    ],
    'the credd misses arguments': [
      whenAdding('Operation aborted due to missing or bad arguments'),
      ['credd-misconfigured', 'again', 'administrators'],
    ],
    'client and credd do not fit, misspelt': [
      whenAsking('Arguments are missing, client and server my be mismatched'),
      ['credd-misconfigured', 'again', 'administrators'],
    ],
    'the credd cannot read the credential': [
      whenAdding('Failure parsing credential as JSON'),
      ['credd-misconfigured', 'again', 'administrators'],
    ],
    'the credd’s credential monitor does not work': [
      whenAdding('The credmon did not process credentials within the timeout period'),
      ['credd-misconfigured', 'again', 'administrators'],
    ],
    'the credd says a number': [
      whenAsking('Operation failed: unknown error code 99'),
      ['credd-misconfigured', 'again', 'administrators'],
    ],
    'the credd does not allow it': [
      whenAdding('Operation failed because it is not allowed'),
      ['credd-not-allowed', 'final', 'administrators'],
    ],
    'the credd does not trust the Vault host': [
      whenAdding('Credential requires interacting with an untrusted host'),
      ['untrusted-vault-host', 'final', 'administrators'],
    ],
    'nobody says more than the hint at ALLOW_WRITE, when adding': [
      exited(1, `${asking}Storing condor credentials for dune_production\n${notStored}`, account + hint),
      ['credd-unreachable', 'again', 'administrators'],
    ],
    'nobody says more than the hint at ALLOW_WRITE, when asking': [
      whenAsking(hint),
      ['credd-unreachable', 'again', 'administrators'],
    ],
    'the credd had lost it, and is gone when it is stored again': [
      exited(1, `${asking}${account}No credential is stored.\n${asking}${notStored}`, account + hint),
      ['credd-unreachable', 'again', 'administrators'],
    ],
    'the credd complained, and then Vault was away: the last step decides': [
      exited(
        1,
        `${asking}Operation failed because of a configuration error\nhtgettoken: Kerberos negotiate with https://vault.lab.example:8200/v1/auth/kerberos-dune_production/login failed: [Errno 111] Connection refused\n${needed}${noHtgettoken}`,
      ),
      ['vault-unreachable', 'again', 'administrators'],
    ],
    'it hangs': [timedOut, ['storer-timeout', 'again', 'administrators']],
    'it is not installed': [notFound, ['storer-failed', 'again', 'administrators', /^flock not found$/]],
  }
  for (const [what, [outcome, [code, ends, turn, why]]] of Object.entries(table))
    it(`${what}: ${code}`, () => {
      const verdict = judgeStorer(outcome)
      assert.equal(verdict.code, code)
      assert.equal('permanent' in reasons[code] ? 'final' : 'again', ends)
      assert.equal(reasons[code].turn, turn)
      if (why) assert.match(verdict.why ?? '', why)
      else assert.equal(verdict.why, undefined)
    })
})

/** What a question with `-d` brings, as 10.0.9 to 25.14 say it. */
const debugged = (...lines: string[]) =>
  exited(
    1,
    [...lines, 'STORE_CRED: Failed to start STORE_CRED command. Unable to contact credd at <192.0.2.1:9620>']
      .map((line) => `11/30/26 18:07:01 ${line}\n`)
      .join(''),
    account + hint,
  )
const denied = 'Received "DENIED" from server for user dunepro@lab.example using method KERBEROS.'
const loginFailed = [
  'SECMAN: required authentication with credd at <192.0.2.1:9620> failed, so aborting command STORE_CRED.',
  'ERROR: AUTHENTICATE:1003:Failed to authenticate with any method|AUTHENTICATE:1004:Failed to authenticate using KERBEROS',
]

describe('why a credd took nothing, as it says where it is debugged', () => {
  const table: Record<string, [ReturnType<typeof exited>, ReasonCode | undefined]> = {
    'the account may not write': [
      debugged(`SECMAN: FAILED: ${denied}`, `ERROR: SECMAN:2010:${denied}`),
      'credd-not-allowed',
    ],
    'its keytab does not fit': [
      debugged('KERBEROS: Could not authenticate!', ...loginFailed),
      'credd-misconfigured',
    ],
    'it does not know the realm': [
      debugged('KERBEROS: Authentication failed', ...loginFailed),
      'credd-misconfigured',
    ],
    'it takes other logins': [
      debugged('SECMAN: no auth method!, failing.', 'ERROR: SECMAN:2005:Protocol Error: No auth methods.'),
      'credd-misconfigured',
    ],
    'no KDC gives a ticket for it': [
      debugged('KERBEROS: Cannot contact any KDC for requested realm', ...loginFailed),
      undefined,
    ],
    'nothing listens there': [
      debugged('attempt to connect to <192.0.2.1:9620> failed: Connection refused (connect errno = 111).'),
      undefined,
    ],
  }
  for (const [what, [{ stdout, stderr }, code]] of Object.entries(table))
    it(`${what}: ${code ?? 'no answer of a credd'}`, () =>
      assert.equal(creddReason(`${stdout}\n${stderr}`), code))
})

describe('a credd that is asked', () => {
  const table: Record<string, [ReturnType<typeof exited>, boolean]> = {
    'has it': [exited(0, '', `${account}A credential was stored and is valid.\n`), true],
    'has it, waiting': [
      exited(0, '', `${account}A credential was stored and is waiting for processing.\n`),
      true,
    ],
    'has nothing': [exited(1, '', `${account}No credential is stored.\n`), true],
    'has it with scopes': [
      exited(2, 'Credential was found but it did not match requested scopes or audience\n', account),
      true,
    ],
    'does not allow the question': [exited(1, 'Operation failed because it is not allowed\n', account), true],
    'does not let it write': [debugged(`SECMAN: FAILED: ${denied}`), true],
    'is misconfigured': [exited(1, 'Operation failed because of a configuration error\n', account), true],
    'is away, or the collector is, or there is no ticket': [exited(1, '', account + hint), false],
    hangs: [timedOut, false],
    'cannot be asked': [notFound, false],
  }
  for (const [what, [outcome, answers]] of Object.entries(table))
    it(`${answers ? 'answers' : 'does not answer'}: it ${what}`, () =>
      assert.equal(isAnswer(outcome), answers))
})

describe('what a credd says of a credential that it has', () => {
  const storedAt = 1_800_000_000
  const top = `Topdune_productionTime = ${storedAt}\n`
  const info = (more: string) => `\nCredential info:\n${more}fully_qualified_user = "dunepro@lab.example"\n\n`
  const valid = `${account}A credential was stored and is valid.\n${info(`${top}dune_production = ${storedAt + 30}\n`)}`
  const waiting = `${account}A credential was stored and is waiting for processing.\n${info(top)}`
  const read = (stdout: string, secondsLater: number) =>
    readStored(exited(0, '', stdout), (storedAt + secondsLater) * 1_000)
  const expiry = new Date((storedAt + 28 * 86_400) * 1_000).toISOString()

  it('is that it has lost it where a bearer token is all that is there', () => {
    const used = `${account}A credential was stored and is valid.\n${info(`dune_production = ${storedAt}\n`)}`
    const answers = [used, valid, waiting, `${account}A credential was stored and is valid.\n`]
    assert.deepEqual(
      answers.map((stdout) => isLost(exited(0, '', stdout))),
      [true, false, false, false],
    )
  })
  it('is when it ends', () => assert.deepEqual(read(valid, 86_400), { expiry }))
  it('is not yet that nobody looks at it, right after it was stored', () =>
    assert.deepEqual(read(waiting, 60), { expiry }))
  it('is that no credential monitor looks at it, long after', () =>
    assert.deepEqual(read(waiting, 3_600), {
      expiry,
      waitingSince: new Date(storedAt * 1_000).toISOString(),
    }))
  it('is nothing where an older one does not say when', () =>
    assert.deepEqual(read(`${account}A credential was stored and is valid.\n`, 0), {}))
})
