/** What htgettoken is asked for when a person logs in: the same as the unattended runs ask, and never an option made of a name. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { describeEnd, loginArguments } from '../../cli/log-in.ts'
import { htgettokenArguments } from '../../services/refresher/credentials/htgettoken.ts'
import { entryOf } from '../services/build.ts'

const home = '/tmp/home'
const server = { vaultServer: 'vault.lab.example:8200', caPath: '/etc/grid-security/certificates' }
const wordsOf = (words: readonly string[], option: string) =>
  words.filter((word) => word.startsWith(`--${option}=`))

test('a login is kept where the unattended runs look for it', () => {
  const entry = entryOf('', 'credkeyOverride: robot-dune\nvaultServerOverride: vault.lab.example')
  const login = loginArguments(entry, { ...server, again: false }, home)
  const files = { home, kept: `${home}/kept`, fresh: `${home}/fresh` }
  const unattended = htgettokenArguments(entry, server, files)
  for (const option of ['vaultserver', 'issuer', 'role', 'credkey', 'capath']) {
    assert.equal(wordsOf(login, option).length, 1, option)
    assert.deepEqual(wordsOf(login, option), wordsOf(unattended, option))
  }
})

test('a person may log in, unlike in the unattended runs; and must, where somebody else is to take over', () => {
  const words = (again: boolean) => loginArguments(entryOf(), { ...server, again }, home)
  assert.ok(!words(false).includes('--nooidc') && !words(false).includes('--nokerberos'))
  assert.ok(words(true).includes('--nokerberos'))
})

test('the vault token of the login, which may store logins, lives an hour and only in a directory of its own', () => {
  const words = loginArguments(entryOf(), { ...server, again: false }, home)
  assert.deepEqual(wordsOf(words, 'vaulttokenttl'), ['--vaulttokenttl=1h'])
  for (const option of ['vaulttokenfile', 'vaulttokeninfile', 'outfile', 'configdir'])
    assert.match(wordsOf(words, option)[0] ?? '', new RegExp(`^--${option}=${home}/`))
})

test('whatever a service, its key and its servers are called, every word is an option of ours', () => {
  const name = fc.oneof(
    fc.string(),
    fc.constantFrom('-v', '--showbearerurl', '--outfile=/etc/passwd', '-o', '--', '\n--debug'),
  )
  const names = (words: readonly string[]) => words.map((word) => word.split('=')[0])
  const expected = names(loginArguments(entryOf(), { ...server, again: false }, home))
  fc.assert(
    fc.property(name, name, name, name, name, (realExperiment, role, credkey, vaultServer, caPath) => {
      const entry = { ...entryOf(), realExperiment, role, credkey }
      const words = loginArguments(entry, { vaultServer, caPath: caPath || '/ca', again: false }, home)
      assert.deepEqual(names(words), expected)
    }),
    { numRuns: 300 },
  )
})

const vault = 'https://vault.lab.example:8200'
const ends: Record<string, [stderr: string, said: RegExp]> = {
  'somebody else logged in': [
    `Refresh token storage to ${vault}/v1/secret/oauth/creds/dune/x failed: HTTPError: Forbidden: 1 error occurred:\n\t* permission denied\n\n`,
    /only the login of dunepro, .* Log in as dunepro, or set credkeyOverride/,
  ],
  'the page is over, by OpenBao': [
    `error in response from ${vault}: OpenBao login failed. Expired or missing OAuth state.`,
    /opened too late, or of an earlier attempt\. Open the new one/,
  ],
  'the page is over, by Vault': [
    `error in response from ${vault}: Vault login failed. Expired or missing OAuth state.`,
    /opened too late/,
  ],
  'nobody came': ['Polling for response took longer than 2 minutes', /not completed in time/],
  'nobody has come yet': [`error in response from ${vault}: authorization_pending`, /not completed in time/],
  'the person said no': [`error in response from ${vault}: access_denied`, /refused on the page/],
  'Vault does not know the issuer': [
    `Initiating authentication to ${vault} failed: HTTPError: Forbidden: 1 error occurred:\n\t* permission denied\n\n`,
    /Vault refused it; htgettoken says above/,
  ],
  'Vault does not know its settings': [
    `Refresh token storage to ${vault}/v1/x failed: HTTPError: Bad Request: server configuration does not exist (was it deleted?)`,
    /Vault’s settings for it are wrong/,
  ],
  'Vault is away': [
    `Initiating authentication to ${vault} failed: gaierror: [Errno -2] Name or service not known`,
    /Vault cannot be reached/,
  ],
  'something new': ['a surprise', /htgettoken says above why/],
}
for (const [what, [stderr, said]] of Object.entries(ends))
  test(`a person is told what to do where ${what}`, () => {
    const entry = { ...entryOf(), credkey: 'dunepro/managedtokens/host.lab.example' }
    const text = describeEnd(entry, { kind: 'exited', exitCode: 1, stderr: `htgettoken: ${stderr}\n` })
    assert.match(text, said)
    assert.match(text, /Try again: managed-tokens onboard dune_production$/)
  })
