/** What htgettoken is asked for when a person logs in: the same as the unattended runs ask, and never an option made of a name. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { loginArguments } from '../../cli/log-in.ts'
import { htgettokenArguments } from '../../services/refresher/htgettoken.ts'
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
