/** For tests of the stand-ins: a KDC, a Vault, credds and the wrapped programs in a temporary directory, without nodes or daemons. */
import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Faults, writeFaults } from '../../sandbox/faults.ts'
import { chooseLoopback } from '../../sandbox/free-port.ts'
import { createRealm } from '../../sandbox/kdc.ts'
import { type Layout, layoutOf } from '../../sandbox/layout.ts'
import { startVault, type VaultOptions } from '../../sandbox/vault/start-vault.ts'
import { writeWrappers } from '../../sandbox/wrappers.ts'

const run = promisify(execFile)

export const duneprincipal = 'dunepro/managedtokens/sandbox.test@SANDBOX.TEST'
export const mu2eprincipal = 'mu2epro/managedtokens/sandbox.test@SANDBOX.TEST'
export const credkeyOfDune = 'dunepro/managedtokens/sandbox.test'

export interface Ended {
  readonly exit: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface VaultSite extends AsyncDisposable {
  readonly dir: string
  readonly layout: Layout
  readonly url: string
  /** An exact environment, as the daemons give it: the account's ticket, private names, the options for Vault. */
  env(account: 'dunepro' | 'mu2epro', more?: Record<string, string>): Record<string, string>
  /** Runs a wrapped program to its end. */
  call(program: string, argv: readonly string[], env: Record<string, string>, input?: string): Promise<Ended>
  setFaults(faults: Faults): void
  vaultRequests(): { method: string; path: string; status: number; principal?: string }[]
  issuedTokens(): { token: string; kind: 'vault' | 'bearer'; service: string }[]
  restartVault(): Promise<void>
  stopKdc(): Promise<void>
}

let identities = 0

/** Starts it; disposing ends every process and removes every file, those in /tmp included. */
export async function startVaultSite(options: Partial<VaultOptions> = {}): Promise<VaultSite> {
  const dir = mkdtempSync(join(tmpdir(), 'vault-site-'))
  const layout = layoutOf(dir)
  for (const directory of [layout.keytabs, layout.logs, layout.vault, join(dir, 'run'), join(dir, 'condor')])
    mkdirSync(directory, { recursive: true })
  for (const credd of ['credd1.sandbox.test', 'credd2.sandbox.test'])
    mkdirSync(join(layout.credds, credd), { recursive: true })
  const kdc = await createRealm(
    layout,
    [
      { file: layout.vaultKeytab, principals: ['host/localhost@SANDBOX.TEST'] },
      { file: join(layout.keytabs, 'dunepro.keytab'), principals: [duneprincipal] },
      { file: join(layout.keytabs, 'mu2epro.keytab'), principals: [mu2eprincipal] },
    ],
    // An address of its own: on everybody's, another test may be given its port before it has it.
    chooseLoopback()(0),
  )
  await kdc.start()
  const tls = await makeTls(layout)
  const vaultOptions: VaultOptions = {
    dir,
    tls,
    keytab: layout.vaultKeytab,
    services: [
      { issuer: 'dune', role: 'production', principal: duneprincipal },
      { issuer: 'mu2e', role: 'production', principal: mu2eprincipal },
    ],
    ...options,
  }
  let vault = await startVault(vaultOptions)
  writeWrappers(layout)
  const prefix = `t${process.pid}-${++identities}`
  const accounts = { dunepro: duneprincipal, mu2epro: mu2eprincipal }
  for (const [account, principal] of Object.entries(accounts)) {
    const env = { KRB5_CONFIG: layout.krb5Config, KRB5CCNAME: `FILE:${join(dir, 'run', account)}` }
    await run('/usr/bin/kinit', ['-k', '-t', join(layout.keytabs, `${account}.keytab`), principal], { env })
  }

  return {
    dir,
    layout,
    url: vault.url,
    env: (account, more = {}) => ({
      PATH: '/usr/bin:/bin',
      HOME: join(dir, 'run'),
      XDG_RUNTIME_DIR: join(dir, 'run'),
      BEARER_TOKEN_FILE: join(dir, 'run', `bt-${account}`),
      KRB5_CONFIG: layout.krb5Config,
      KRB5CCNAME: `FILE:${join(dir, 'run', account)}`,
      CONDOR_VAULT_STORER_ID: `${prefix}-${account}`,
      CONDOR_CREDENTIAL_STORER_MODE: 'vault',
      _condor_CREDD_HOST: 'credd1.sandbox.test',
      _condor_COLLECTOR_HOST: 'collector.sandbox.test',
      _condor_SEC_CREDENTIAL_GETTOKEN_OPTS: `-a localhost:${vault.port} --cafile=${layout.vaultCa}`,
      HTGETTOKENOPTS: `--credkey=${accounts[account].replace(/@.*/, '')}`,
      ...more,
    }),
    call: (program, argv, env, input) => callProgram(join(layout.bin, program), argv, env, input),
    setFaults: (faults) => writeFaults(dir, faults),
    vaultRequests: () => readLines(join(layout.vault, 'requests.jsonl')),
    issuedTokens: () => readLines(layout.tokens),
    async restartVault() {
      await vault.close()
      vault = await startVault({ ...vaultOptions, port: vault.port })
    },
    stopKdc: () => kdc.stop(),
    async [Symbol.asyncDispose]() {
      await vault.close()
      await kdc.stop()
      rmSync(dir, { recursive: true, force: true })
      for (const name of readdirSync('/tmp')) if (name.startsWith(`vt_${prefix}-`)) rmSync(join('/tmp', name))
    },
  }
}

export function callProgram(
  file: string,
  argv: readonly string[],
  env: Record<string, string>,
  input = '',
): Promise<Ended> {
  const { promise, resolve, reject } = Promise.withResolvers<Ended>()
  const child = spawn(file, argv, { env, cwd: '/' })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk
  })
  child.once('error', reject)
  child.once('close', (exit) => resolve({ exit, stdout, stderr }))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return promise
}

async function makeTls(layout: Layout): Promise<{ key: string; cert: string }> {
  const key = join(layout.vault, 'key.pem')
  const words = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '30',
    '-subj',
    '/CN=localhost',
  ]
  await run('openssl', [
    ...words,
    '-addext',
    'subjectAltName=DNS:localhost',
    '-keyout',
    key,
    '-out',
    layout.vaultCa,
  ])
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(layout.vaultCa, 'utf8') }
}

function readLines<T>(file: string): T[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as T)
  } catch {
    return []
  }
}

/** Condor's configuration as `condor_config_val` shows it. */
export function writeCondorConfig(site: VaultSite, values: Record<string, string>): void {
  writeFileSync(join(site.dir, 'condor', 'config.json'), JSON.stringify(values))
}
