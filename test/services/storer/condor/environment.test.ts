import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { htgettokenOptions, storerEnvironment } from '../../../../services/storer/condor/run-storer.ts'
import type { Stage } from '../../../../services/storer/private-run/stage.ts'
import { readEnvironment } from '../../../../shared/config/environment.ts'
import { entryOf, siteOf } from '../../build.ts'

const stage = { id: 'mtabc', home: '/state/runs/mtabc', bearerFile: '/state/runs/mtabc/bearer' } as Stage
const ours = {
  PATH: '/opt/condor/bin:/usr/bin',
  HOME: '/home/managed',
  KRB5_CONFIG: '/etc/krb5.conf',
}
/** What a careless shell may have left to the daemon. */
const inherited = {
  ...ours,
  BEARER_TOKEN: 'eyJ.someone.else',
  BEARER_TOKEN_FILE: '/tmp/bt_u0',
  KRB5CCNAME: 'FILE:/tmp/krb5cc_0',
  XDG_RUNTIME_DIR: '/run/user/0',
  CONDOR_VAULT_STORER_ID: 'other',
  CONDOR_VAULT_STORER_USER: 'other@lab',
  _condor_CREDD_HOST: 'other.lab.example',
  _condor_COLLECTOR_HOST: 'other.lab.example',
  _condor_TOOL_DEBUG: 'D_ALWAYS',
  CONDOR_CONFIG: '/etc/condor/pool2',
  TMPDIR: '/elsewhere',
  LD_PRELOAD: '/tmp/x.so',
  BASH_ENV: '/tmp/x.sh',
  NATS_NKEY: 'SUA…',
  LANG: 'de_DE.UTF-8',
}

const environmentOf = (variables: NodeJS.ProcessEnv, extra = '', role = '') =>
  storerEnvironment(
    {
      entry: entryOf(extra, role),
      credd: 'credd1.lab.example',
      site: siteOf(extra, role),
      vaultServer: 'vault.lab.example',
      ccache: '/state/tickets/dune.ccache',
      stage,
    },
    readEnvironment(variables),
  )

describe('the environment of a storer run', () => {
  it('is exactly this, whatever was inherited', () => {
    assert.deepEqual(environmentOf(inherited, 'vault: { caPath: /etc/grid-security/certificates }'), {
      ...ours,
      LANG: 'C',
      LC_ALL: 'C',
      CONDOR_CONFIG: '/etc/condor/pool2',
      _condor_TOOL_DEBUG: 'D_ALWAYS',
      HOME: '/state/runs/mtabc',
      XDG_RUNTIME_DIR: '/state/runs/mtabc',
      BEARER_TOKEN_FILE: '/state/runs/mtabc/bearer',
      KRB5CCNAME: 'FILE:/state/tickets/dune.ccache',
      CONDOR_VAULT_STORER_ID: 'mtabc',
      CONDOR_CREDENTIAL_STORER_MODE: 'vault',
      _condor_CREDD_HOST: 'credd1.lab.example',
      _condor_COLLECTOR_HOST: 'collector.lab.example',
      _condor_SEC_CREDENTIAL_GETTOKEN_OPTS: '-a vault.lab.example --capath=/etc/grid-security/certificates',
      HTGETTOKENOPTS: '--vaulttokenminttl=10s --credkey=dunepro/robot@LAB.EXAMPLE',
    })
  })

  it('names a file of authorities as one: for htgettoken a directory is something else', () => {
    const file = import.meta.filename
    assert.equal(
      environmentOf({}, `vault: { caPath: ${file} }`)._condor_SEC_CREDENTIAL_GETTOKEN_OPTS,
      `-a vault.lab.example --cafile=${file}`,
    )
  })

  it('names every collector of the entry’s own pool', () => {
    const role = 'condorCollectorHostOverride: "c1.lab.example:9618?sock=collector,c2.lab.example"'
    assert.equal(
      environmentOf({}, '', role)._condor_COLLECTOR_HOST,
      'c1.lab.example:9618?sock=collector,c2.lab.example',
    )
  })

  const hostile: Record<string, [string, string]> = {
    'a certificate directory with a second word': ['vault: { caPath: "/etc/certs --showbearerurl" }', ''],
    'a credkey with a second word': ['', 'credkeyOverride: "dune --nokerberos"'],
    'a lifetime with a second word': ['', 'minTokenLifetimeOverride: "3d --nossh"'],
    'a collector with a second word': ['', 'condorCollectorHostOverride: "c1 -x"'],
    'a command in a credkey': ['', 'credkeyOverride: "$(id)"'],
    'a program with words': ['storer: { condorVaultStorer: "condor_vault_storer -d" }', ''],
  }
  for (const [what, [extra, role]] of Object.entries(hostile))
    it(`can have no word of its own: ${what} is refused with the configuration`, () => {
      assert.throws(() => siteOf(extra, role), { name: 'ConfigError' })
    })
})

describe('HTGETTOKENOPTS', () => {
  const entry = { ...entryOf(), minTokenLifetime: '3d', credkey: 'dunepro' }
  const table: Record<string, [string | undefined, string]> = {
    'is made from the entry where nothing is inherited': [
      undefined,
      '--vaulttokenminttl=3d --credkey=dunepro',
    ],
    'keeps the operator’s options and appends the credkey': ['--nossh -v', '--nossh -v --credkey=dunepro'],
    'outranks another entry’s credkey': ['--credkey=novapro -v', '--credkey=novapro -v --credkey=dunepro'],
    'outranks another entry’s credkey in two words': [
      '-v --credkey novapro',
      '-v --credkey novapro --credkey=dunepro',
    ],
    'outranks a credkey that this entry’s is the beginning of': [
      '--credkey=dunepro/x',
      '--credkey=dunepro/x --credkey=dunepro',
    ],
    'outranks another entry’s credkey after its own': [
      '--credkey=dunepro --credkey=novapro',
      '--credkey=dunepro --credkey=novapro --credkey=dunepro',
    ],
    'is left alone where it names this entry’s': ['--credkey=dunepro -v', '--credkey=dunepro -v'],
    'is left alone where it names this entry’s in two words': [
      '--credkey "dunepro" -v',
      '--credkey "dunepro" -v',
    ],
    'is left alone where this entry’s is the last': [
      '--credkey=novapro --credkey=dunepro',
      '--credkey=novapro --credkey=dunepro',
    ],
  }
  for (const [what, [inheritedOptions, expected]] of Object.entries(table))
    it(what, () => assert.equal(htgettokenOptions(entry, inheritedOptions), expected))
})
