import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { htgettokenArguments } from '../../../../services/refresher/credentials/htgettoken.ts'
import { tokenLifetime } from '../../../../shared/config/schema/duration.ts'
import * as grammar from '../../../../shared/config/schema/grammar.ts'
import { serverOption } from '../../../../shared/vault/server.ts'
import { vaultUrl } from '../../../../shared/vault/vault-url.ts'
import { entryOf } from '../../build.ts'

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
