import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { judgeStorer } from '../../../../services/storer/condor/storer-texts.ts'
import { namesService } from '../../../../services/storer/condor/whose-token.ts'
import { exited, notFound, timedOut } from '../../outcome.ts'

/** condor_vault_storer's own words after a failed silent step, whatever the cause was. */
const needed = `
condor_vault_storer: Authentication needed for dune_production
`
const noOidc = `
condor_vault_storer: htgettoken failed
  More details might be available by running
    condor_vault_storer -v dune_production
`
const kerberosWorked =
  'Attempting kerberos auth with https://vault.lab.example:8200 as host@vault.lab.example ... succeeded\n'
const refused =
  'Read token from https://vault.lab.example:8200/v1/secret/oauth/creds/dune/dunepro:production failed: '
const asked = 'https://vault.lab.example:8200/v1/auth/kerberos-dune_production/login'

describe('why a storer run failed', () => {
  const table: Record<string, [ReturnType<typeof exited>, string]> = {
    'nobody of the experiment has logged in yet': [
      exited(1, `${kerberosWorked}${refused}HTTPError: Not Found: \n${needed}${noOidc}`),
      'authentication-needed',
    ],
    'Vault cannot be reached, though the storer says "Authentication needed"': [
      exited(
        1,
        `htgettoken: Kerberos negotiate with ${asked} failed: [Errno 111] Connection refused\n${needed}${noOidc}`,
      ),
      'vault-unreachable',
    ],
    'Vault fails while the bearer is read': [
      exited(1, `${kerberosWorked}${refused}HTTPError: 503 Service Unavailable\n${needed}${noOidc}`),
      'vault-unreachable',
    ],
    'Vault does not answer in time': [
      exited(1, `${kerberosWorked}${refused}The read operation timed out\n${needed}${noOidc}`),
      'vault-unreachable',
    ],
    'Vault’s name does not resolve': [
      exited(
        1,
        `htgettoken: Initiating authentication to ${asked}: [Errno -2] Name or service not known\n${needed}`,
      ),
      'vault-unreachable',
    ],
    'Vault asks for a pause': [
      exited(1, `${refused}HTTPError: Too Many Requests\n${needed}`),
      'rate-limited',
    ],
    'Vault’s certificate is not accepted': [
      exited(
        1,
        `htgettoken: Kerberos negotiate with ${asked} failed: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed\n${needed}`,
      ),
      'vault-tls',
    ],
    'Vault refuses the ticket': [
      exited(
        1,
        `htgettoken: Kerberos negotiate with ${asked} failed: HTTPError: Forbidden: permission denied\n${needed}`,
      ),
      'permission-denied',
    ],
    'the credd cannot be reached': [
      exited(1, '\ncondor_vault_storer: Failed to store condor credentials for dune_production\n'),
      'credd-unreachable',
    ],
    'the credd cannot be asked': [
      exited(1, '\ncondor_vault_storer: Querying condor credentials failed\n'),
      'credd-unreachable',
    ],
    'the credmon does not work': [
      exited(
        1,
        'The credmon did not process credentials within the timeout period\n\ncondor_vault_storer: Failed to store condor credentials for dune\n',
      ),
      'credd-misconfigured',
    ],
    'the credd does not allow it': [
      exited(
        1,
        'Operation failed because it is not allowed\n\ncondor_vault_storer: Failed to store condor credentials for dune\n',
      ),
      'credd-not-allowed',
    ],
    'the credd does not trust the Vault host': [
      exited(
        1,
        'Credential requires interacting with an untrusted host\n\ncondor_vault_storer: Failed to store condor credentials for dune\n',
      ),
      'untrusted-vault-host',
    ],
    'other scopes are stored': [
      exited(1, '\ncondor_vault_storer: Credentials exist that do not match the request\n'),
      'scope-mismatch',
    ],
    'the service has two underscores': [
      exited(1, '\ncondor_vault_storer: Only one underscore allowed in use_oauth_services name\n'),
      'misuse',
    ],
    'it did not end in time': [timedOut, 'storer-timeout'],
    'it is not installed': [notFound, 'storer-failed'],
    'it says nothing': [exited(1), 'storer-failed'],
    'its token cannot be traded': [
      exited(1, '\ncondor_vault_storer: Failed to exchange vault token\n'),
      'storer-failed',
    ],
  }
  for (const [what, [outcome, code]] of Object.entries(table))
    it(`${what}: ${code}`, () => assert.equal(judgeStorer(outcome).code, code))
})

describe('whose token it is', () => {
  const bearer = (claims: unknown) =>
    ['{}', JSON.stringify(claims), 'sig'].map((part) => Buffer.from(part).toString('base64url')).join('.')
  const table: Record<string, [string, boolean]> = {
    'the experiment’s group': [bearer({ 'wlcg.groups': ['/dune'] }), true],
    'a group below the experiment’s': [bearer({ 'wlcg.groups': ['/fermilab', '/dune/production'] }), true],
    'groups that have nothing to do with its role, as INDIGO IAM gives them': [
      bearer({ 'wlcg.groups': ['/dune', '/dune/pilots', '/dune/xfers'] }),
      true,
    ],
    'nothing but a group far below the experiment’s': [bearer({ 'wlcg.groups': ['/dune/a/b'] }), true],
    'the experiment’s group in other letters': [bearer({ 'wlcg.groups': ['/DUNE/Production'] }), true],
    'another experiment’s group': [bearer({ 'wlcg.groups': ['/nova/production'] }), false],
    'a group that only begins like it': [bearer({ 'wlcg.groups': ['/dune2', '/dunepro/x'] }), false],
    'another’s group whose name the experiment’s is the beginning of': [
      bearer({ 'wlcg.groups': ['/duneX'] }),
      false,
    ],
    'the experiment’s name inside another’s group': [bearer({ 'wlcg.groups': ['/nova/dune'] }), false],
    'no groups, since the issuer sets none': [bearer({ sub: 'x' }), true],
    'an empty list of groups': [bearer({ 'wlcg.groups': [] }), true],
    'groups that are no list': [bearer({ 'wlcg.groups': '/nova' }), true],
    'no JWT at all': ['opaque', true],
    nothing: ['', true],
  }
  for (const [what, [text, expected]] of Object.entries(table))
    it(`${expected ? 'may be' : 'is not'} dune’s with ${what}`, () =>
      assert.equal(namesService(text, { realExperiment: 'dune' }), expected))
})
