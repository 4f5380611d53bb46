import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { htgettokenArguments } from '../../../services/refresher/htgettoken.ts'
import { vaultUrl } from '../../../services/refresher/vault-api.ts'
import { tokenLifetime } from '../../../shared/config/duration.ts'
import * as grammar from '../../../shared/config/grammar.ts'
import { serverOption } from '../../../shared/vault-server.ts'
import { classifyVault } from '../../../shared/vault-texts.ts'
import { entryOf } from '../build.ts'
import { exited, notFound, timedOut } from '../outcome.ts'

describe('htgettoken’s argument list', () => {
  const files = {
    home: '/state/tokens/dune',
    kept: '/state/tokens/dune/vault-token',
    fresh: '/state/tokens/dune/vault-token.new',
  }
  it('is this', () => {
    const entry = entryOf('', 'minTokenLifetimeOverride: 3d\ncredkeyOverride: dunepro')
    assert.deepEqual(
      htgettokenArguments(entry, { vaultServer: 'vault.lab.example', caPath: '/etc/certs' }, files),
      [
        ...[
          '-v',
          '--nooidc',
          '--nossh',
          '--vaultserver=vault.lab.example',
          '--issuer=dune',
          '--role=production',
        ],
        ...[
          '--credkey=dunepro',
          '--vaulttokeninfile=/state/tokens/dune/vault-token',
          '--vaulttokenfile=/state/tokens/dune/vault-token.new',
        ],
        ...['--configdir=/state/tokens/dune/config', '--capath=/etc/certs'],
        ...['--vaulttokenminttl=3d', '--outfile=/state/tokens/dune/bearer'],
      ],
    )
  })
  it('asks with the experiment that the issuer knows', () => {
    const entry = { ...entryOf(), experiment: 'dune-2', name: 'dune-2_production' }
    assert.ok(htgettokenArguments(entry, { vaultServer: 'v' }, files).includes('--issuer=dune'))
  })

  const edge = fc.oneof(
    fc.stringMatching(/^[A-Za-z0-9_.@/+=-]{1,20}$/),
    fc.stringMatching(/^-{0,2}[A-Za-z0-9_. =@'"$`;|&/-]{1,20}$/),
    fc.constantFrom('--nokerberos', '-a', 'x --nokerberos', 'x\n-a', '3d', '3d -a evil'),
  )
  const passing = (schema: { safeParse(text: string): { success: boolean } }) =>
    edge.filter((text) => schema.safeParse(text).success)
  it('has as many words as ever, each an option of ours, whatever names pass the configuration', () => {
    const usual = htgettokenArguments(entryOf(), { vaultServer: 'v' }, files).map(
      (word) => word.split('=')[0],
    )
    fc.assert(
      fc.property(
        ...([
          passing(grammar.realExperimentName),
          passing(grammar.roleName),
          passing(grammar.credkey),
          passing(grammar.vaultServer),
        ] as const),
        fc.constantFrom('10s', '3d', '90m').filter((text) => tokenLifetime.safeParse(text).success),
        (realExperiment, role, credkey, vaultServer, minTokenLifetime) => {
          const entry = { ...entryOf(), realExperiment, role, credkey, minTokenLifetime }
          const words = htgettokenArguments(entry, { vaultServer }, files)
          assert.deepEqual(
            words.map((word) => word.split('=')[0]),
            usual,
          )
          assert.ok(words.every((word) => !/[\s'"`;|&\\]/.test(word)))
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('why htgettoken failed', () => {
  const login = 'https://vault.lab.example:8200/v1/auth/kerberos-dune_production/login'
  const read = 'https://vault.lab.example:8200/v1/secret/oauth/creds/dune/dunepro:production'
  const said = (...lines: string[]) => exited(1, lines.map((line) => `htgettoken: ${line}\n`).join(''))
  const table: Record<string, [ReturnType<typeof exited>, string | undefined]> = {
    'nobody has logged in for it': [
      said(`Read token from ${read} failed: HTTPError: Bad Request: no credentials`),
      'authentication-needed',
    ],
    'nobody has logged in, as a server without the credential says it': [
      said(
        `Read token from ${read} failed: HTTPError: Not Found: `,
        'Failure getting token from https://vault',
      ),
      'authentication-needed',
    ],
    'a right is missing at the bearer after a good login': [
      said(`Read token from ${read} failed: HTTPError: Forbidden: permission denied`),
      'permission-denied',
    ],
    'the ticket is refused': [
      said(`Kerberos negotiate with ${login} failed: HTTPError: Forbidden: permission denied`),
      'permission-denied',
    ],
    'no cause is given': [said('Failure getting token from https://vault'), undefined],
    'a right is missing elsewhere': [
      said('Looking up token: HTTPError: Forbidden: permission denied'),
      'permission-denied',
    ],
    'a rate limit at the login': [
      said(`Kerberos negotiate with ${login} failed: HTTPError: Too Many Requests`),
      'rate-limited',
    ],
    'a rate limit at the bearer': [said(`Read token from ${read} failed: HTTPError: 429`), 'rate-limited'],
    'nothing listens': [
      said(`Read token from ${read} failed: <urlopen error [Errno 111] Connection refused>`),
      'vault-unreachable',
    ],
    'the name does not resolve': [
      said('<urlopen error [Errno -2] Name or service not known>'),
      'vault-unreachable',
    ],
    'no route': [said('<urlopen error [Errno 113] No route to host>'), 'vault-unreachable'],
    silence: [said(`Read token from ${read} failed: The read operation timed out`), 'vault-unreachable'],
    'a server error': [
      said(`Read token from ${read} failed: HTTPError: 500 Internal Server Error`),
      'vault-unreachable',
    ],
    'a sealed Vault': [
      said(`Read token from ${read} failed: HTTPError: Service Unavailable: Vault is sealed`),
      'vault-unreachable',
    ],
    'a connection that breaks': [
      said('Remote end closed connection: RemoteDisconnected'),
      'vault-unreachable',
    ],
    'a certificate': [
      said('[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate'),
      'vault-tls',
    ],
    'a cause on stdout, where -v has it': [
      exited(1, '', `Read token from ${read} failed: HTTPError: Bad Gateway\n`),
      'vault-unreachable',
    ],
    // As urllib3 says it inside htgettoken.
    'nothing listens, in full': [
      said(
        `Read token from ${read} failed: MaxRetryError: HTTPSConnectionPool(host='192.0.2.9', port=8200): Max retries exceeded with url: /v1/secret/oauth/creds/dune/dunepro:production?minimum_seconds=60 (Caused by NewConnectionError('<urllib3.connection.HTTPSConnection object at 0x7f429>: Failed to establish a new connection: [Errno 111] Connection refused'))`,
      ),
      'vault-unreachable',
    ],
    'silence, in full': [
      said(
        `Read token from ${read} failed: MaxRetryError: HTTPSConnectionPool(host='192.0.2.9', port=8200): Max retries exceeded with url: /v1/auth/token/lookup-self (Caused by ReadTimeoutError("HTTPSConnectionPool(host='192.0.2.9', port=8200): Read timed out. (read timeout=10)"))`,
      ),
      'vault-unreachable',
    ],
    'a rate limit, in full': [
      said(
        `Read token from ${read} failed: HTTPError: Too Many Requests: request path "secret/oauth/creds/dune/dunepro:production": rate limit quota exceeded`,
      ),
      'rate-limited',
    ],
    'names that hold numbers and words of other failures': [
      said(
        'Read token from https://tls-429.vault.example:503/v1/secret/oauth/creds/ssl/dune-500/429:production failed: HTTPError: Not Found: ',
      ),
      'authentication-needed',
    ],
    'a right is missing, on a server whose name is another failure': [
      said(
        "Read token from https://ssl.example/v1/x failed: MaxRetryError: HTTPSConnectionPool(host='tls', port=503)",
        'Looking up vault token at https://504.example/v1/429 failed: HTTPError: Forbidden: permission denied',
      ),
      'permission-denied',
    ],
    'numbers that say nothing': [
      said('  429 seconds remaining', `Read token from ${read} failed: HTTPError: Not Found: `),
      'authentication-needed',
    ],
    'the issuer behind Vault limits or is down, which is no limit of Vault': [
      said(
        `Read token from ${read} failed: HTTPError: Bad Request: exchange failed: oauth2: cannot fetch token: 429 Too Many Requests`,
      ),
      'vault-unreachable',
    ],
    'the issuer refuses the scopes': [
      said(
        `Read token from ${read} failed: HTTPError: Bad Request: exchange failed: oauth2: "invalid_scope"`,
      ),
      'authentication-needed',
    ],
    'a file of our own that may not be written': [
      said("failure creating file: OSError: [Errno 13] Permission denied: '/state/tokens'"),
      undefined,
    ],
    'its deadline': [timedOut, 'timeout'],
    'a missing program': [notFound, undefined],
    'something new': [said('a surprise'), undefined],
  }
  for (const [what, [outcome, code]] of Object.entries(table))
    it(`${what}: ${code ?? 'unknown'}`, () => assert.equal(classifyVault(outcome), code))
})

describe('a Vault server', () => {
  const urls: Record<string, string> = {
    'vault.lab.example': 'https://vault.lab.example:8200/',
    'vault.lab.example:8201': 'https://vault.lab.example:8201/',
    'https://vault.lab.example': 'https://vault.lab.example:8200/',
    'https://vault.lab.example/': 'https://vault.lab.example:8200/',
    'https://vault.lab.example:8201': 'https://vault.lab.example:8201/',
    '127.0.0.1': 'https://127.0.0.1:8200/',
  }
  for (const [server, url] of Object.entries(urls))
    it(`${server} is ${url}`, () => assert.equal(vaultUrl(server).href, url))

  const options: Record<string, string | undefined> = {
    '-a vault1': 'vault1',
    '-avault1': 'vault1',
    '--vaultserver=vault1': 'vault1',
    '--vaultserver vault1': 'vault1',
    '-v -a  vault1:8201 --nossh': 'vault1:8201',
    '--nossh\t-a\tvault1': 'vault1',
    '--audience=x -i dune': undefined,
    '-v': undefined,
    '-a': undefined,
    '': undefined,
  }
  for (const [text, server] of Object.entries(options))
    it(`in ${JSON.stringify(text)} is ${server ?? 'none'}`, () => assert.equal(serverOption(text), server))
  it('is none where nothing is set', () => assert.equal(serverOption(undefined), undefined))
})
