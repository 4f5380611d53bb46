import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { readCalls, readMisuse } from '../../sandbox/calls.ts'
import { hold, release, waitHeld } from '../../sandbox/hold.ts'
import { callProgram, credkeyOfDune, startVaultSite, type VaultSite } from './vault-site.ts'

describe('htgettoken (stand-in)', () => {
  let site: VaultSite
  let vaultFile: string
  let bearerFile: string
  before(async () => {
    site = await startVaultSite()
    vaultFile = join(site.dir, 'run', 'vt')
    bearerFile = join(site.dir, 'run', 'bt-dunepro')
    // A cache with nothing in it yet but the ticket-granting ticket.
    copyFileSync(join(site.dir, 'run', 'dunepro'), join(site.dir, 'run', 'fresh'))
  })
  after(() => site[Symbol.asyncDispose]())
  afterEach(() => {
    site.setFaults({})
    rmSync(vaultFile, { force: true })
    rmSync(bearerFile, { force: true })
  })

  const words = (...more: string[]) => {
    const server = ['-a', site.url, `--cafile=${site.layout.vaultCa}`, '-i', 'dune', '-r', 'production']
    return [...server, `--vaulttokenfile=${vaultFile}`, '-v', '--nooidc', '--nossh', ...more]
  }
  const get = (...more: string[]) => site.call('htgettoken', words(...more), site.env('dunepro'))

  it('writes both tokens with mode 0600 and a newline at the end, and leaves no other file', async () => {
    const { exit, stdout } = await get()
    assert.equal(exit, 0)
    assert.match(readFileSync(vaultFile, 'utf8'), /^hvs\.\S{90,}\n$/)
    assert.match(readFileSync(bearerFile, 'utf8'), /^eyJ\S+\.\S+\.\S+\n$/)
    for (const file of [vaultFile, bearerFile]) assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.deepEqual(
      readdirSync(join(site.dir, 'run')).filter((name) => name.startsWith('.htgettoken')),
      [],
    )
    // With a file for the vault token the log is on standard output.
    assert.match(stdout, /Initializing kerberos client for host@localhost/)
  })

  it('does not write the vault token when the old one is still good', async () => {
    await get()
    const token = readFileSync(vaultFile, 'utf8')
    const out = join(site.dir, 'run', 'vt-new')
    const { exit } = await site.call(
      'htgettoken',
      [...words('--vaulttokenminttl=3d', `--vaulttokeninfile=${vaultFile}`), `--vaulttokenfile=${out}`],
      site.env('dunepro'),
    )
    assert.equal(exit, 0)
    assert.equal(existsSync(out), false)
    assert.equal(readFileSync(vaultFile, 'utf8'), token)
  })

  it('logs in again when Vault does not know the old token', async () => {
    writeFileSync(vaultFile, 'hvs.of-another-vault\n')
    const { exit, stdout } = await get('--vaulttokenminttl=3d')
    assert.equal(exit, 0)
    assert.match(
      stdout,
      /Looking up vault token at .* failed: HTTPError: Forbidden: 1 error occurred:\n\t\* permission denied\n/,
    )
    assert.notEqual(readFileSync(vaultFile, 'utf8'), 'hvs.of-another-vault\n')
  })

  it('trades the token of the login for one of 7 days, and not when 28 days are asked', async () => {
    await get()
    const made = site.issuedTokens().filter((token) => token.kind === 'vault').length
    const requests = () => site.vaultRequests().filter(({ path }) => path === '/v1/auth/token/create').length
    const before28 = requests()
    // A shell's pipe: what it was given to open by name is a socket here.
    const { exit, stdout } = await callProgram(
      '/bin/bash',
      [
        ...['-c', 'set -o pipefail; "$@" | cat', 'bash', join(site.layout.bin, 'htgettoken')],
        ...words('--vaulttokenttl=28d', '--showbearerurl', '-q'),
        '--vaulttokeninfile=/nowhere',
        '--vaulttokenfile=/dev/stdout',
      ],
      site.env('dunepro'),
    )
    assert.equal(exit, 0)
    assert.equal(requests(), before28)
    assert.equal(site.issuedTokens().filter((token) => token.kind === 'vault').length, made + 1)
    const [token, url, ...more] = stdout.trimEnd().split('\n')
    assert.match(token ?? '', /^hvs\./)
    assert.equal(url, `${site.url}/v1/secret/oauth/creds/dune/${credkeyOfDune}:production`)
    assert.deepEqual(more, [])
  })

  const refused = {
    'no server': [['-i', 'dune'], 2, /Missing required parameters: \['--vaultserver'\]/],
    'an unknown option': [['-a', 'x', '--vaulttoken-ttl=1d'], 2, /no such option: --vaulttoken-ttl/],
    'a word that is no option': [['-a', 'x', 'dune'], 2, /no non-option arguments expected/],
    'two units of time': [
      ['-a', 'x', '--vaulttokenminttl=1h30m'],
      1,
      /htgettoken: --vaulttokenminttl is not a number followed by s, m, h, or d/,
    ],
    'a minimum as long as the life': [
      ['-a', 'x', '--vaulttokenminttl=7d'],
      1,
      /--vaulttokenminttl must be less than --vaulttokenttl/,
    ],
    'a long token for a file': [
      ['-a', 'x', '--vaulttokenttl=28d', '--vaulttokenfile=/tmp/x'],
      1,
      /must be under \/dev\//,
    ],
  } as const
  for (const [what, [argv, code, text]] of Object.entries(refused)) {
    it(`refuses ${what} with exit ${code}`, async () => {
      const { exit, stderr } = await site.call('htgettoken', argv, site.env('dunepro'))
      assert.equal(exit, code)
      assert.match(stderr, text)
    })
  }

  const failures = {
    'Vault is down': [
      { 'vault-down': true },
      /htgettoken: Kerberos negotiate with .* failed: MaxRetryError: .*Connection (reset by peer|refused)/,
    ],
    'Vault is overwhelmed': [
      { 'vault-error': 503 },
      /htgettoken: Kerberos negotiate with .* failed: HTTPError: Service Unavailable:/,
    ],
    'Vault limits the rate': [
      { 'vault-rate-limit': 60 },
      /htgettoken: Kerberos negotiate with .* failed: HTTPError: Too Many Requests:/,
    ],
    'nobody trusts Vault': [
      { 'vault-tls': true },
      /htgettoken: Kerberos negotiate with .* failed: .*CERTIFICATE_VERIFY_FAILED/,
    ],
    'somebody must log in first': [
      { 'needs-onboarding': ['dune_production'] },
      /htgettoken: Failure getting token from https/,
    ],
    'the bearer is denied': [
      { 'permission-denied': ['dune_production'] },
      /htgettoken: Failure getting token from https/,
    ],
  } as const
  for (const [what, [faults, text]] of Object.entries(failures)) {
    it(`ends with 1 and writes nothing when ${what}`, async () => {
      site.setFaults(faults as never)
      const { exit, stderr } = await get()
      assert.equal(exit, 1)
      assert.match(stderr, text)
      assert.equal(existsSync(vaultFile), false)
      assert.equal(existsSync(bearerFile), false)
    })
  }

  it('tells with -v that the login worked when somebody must log in first', async () => {
    site.setFaults({ 'needs-onboarding': ['dune_production'] })
    const { stdout } = await get()
    assert.match(
      stdout,
      /Attempting to get bearer token from[\s\S]*Read token from .* failed: HTTPError: Not Found:/,
    )
    assert.doesNotMatch(stdout, /permission denied/)
  })

  it('says nothing at all with -q', async () => {
    site.setFaults({ 'needs-onboarding': ['dune_production'] })
    const argv = words('-q').filter((word) => word !== '-v')
    assert.deepEqual(await site.call('htgettoken', argv, site.env('dunepro')), {
      exit: 1,
      stdout: '',
      stderr: '',
    })
  })

  it('has no ticket without a ticket cache', async () => {
    const { exit, stdout, stderr } = await site.call(
      'htgettoken',
      words(),
      site.env('dunepro', { KRB5CCNAME: 'FILE:/nonexistent' }),
    )
    assert.equal(exit, 1)
    assert.match(
      stdout,
      /Kerberos init failed: MissingCredentialsError: Major \(458752\): No credentials .*, Minor \(\d+\): No Kerberos credentials available/,
    )
    assert.match(stderr, /Failure getting token/)
  })

  it('cannot use the ticket of another account', async () => {
    const { exit, stderr } = await site.call('htgettoken', words(), {
      ...site.env('mu2epro'),
      BEARER_TOKEN_FILE: bearerFile,
    })
    assert.equal(exit, 1)
    assert.match(stderr, /HTTPError: Forbidden: 1 error occurred:\n\t\* permission denied\n/)
  })

  it('notices an inherited BEARER_TOKEN', async () => {
    const { exit, stderr } = await site.call(
      'htgettoken',
      words(),
      site.env('dunepro', { BEARER_TOKEN: 'x' }),
    )
    assert.equal(exit, 1)
    assert.match(stderr, /MISUSE: BEARER_TOKEN was inherited/)
    assert.match(readMisuse(site.dir).at(-1)?.what ?? '', /BEARER_TOKEN/)
  })

  it('cannot write to /dev/stdout when that is a socket, as the real one cannot', async () => {
    const { exit, stderr } = await site.call(
      'htgettoken',
      words('--vaulttokenfile=/dev/stdout'),
      site.env('dunepro'),
    )
    assert.equal(exit, 1)
    assert.match(stderr, /No such device or address/)
  })

  it('waits at its hold point', async () => {
    hold(site.dir, 'htgettoken:dune_production')
    const running = get()
    const pid = await waitHeld(site.dir, 'htgettoken:dune_production')
    assert.equal(existsSync(vaultFile), false)
    release(site.dir, 'htgettoken:dune_production')
    assert.equal((await running).exit, 0)
    const call = readCalls(site.dir).find((one) => one.pid === pid)
    assert.equal(call?.service, 'dune_production')
    assert.equal(call?.exit, 0)
  })

  it('waits on a terminal until a person has logged in, and keeps the refresh token', async () => {
    site.setFaults({ 'needs-onboarding': ['dune_production'] })
    const argv = words('--nokerberos').filter((word) => !['-v', '--nooidc'].includes(word))
    const command = [join(site.layout.bin, 'htgettoken'), ...argv].join(' ')
    const onTerminal = spawn('script', ['-qefc', command, '/dev/null'], {
      env: site.env('dunepro'),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let shown = ''
    let opened: string | undefined
    for await (const chunk of onTerminal.stdout) {
      shown += chunk
      const url = /https:\/\/\S+\/device\?user_code=\S+(?=\s)/.exec(shown)?.[0]
      if (!url || opened) continue
      opened = url
      await openInBrowser(url, site.layout.vaultCa)
    }
    if (onTerminal.exitCode === null) await once(onTerminal, 'exit')
    assert.equal(onTerminal.exitCode, 0, shown)
    assert.match(shown, /Complete the authentication at:\s+https[\s\S]*Saving refresh token \.\.\. done/)
    assert.match(readFileSync(bearerFile, 'utf8'), /^eyJ/)
    assert.ok(
      site
        .vaultRequests()
        .some(
          ({ method, path, status }) => method === 'POST' && path.includes('/oauth/creds/') && status === 204,
        ),
    )
    assert.equal((await get()).exit, 0, 'from now on without a person')
  })

  it('says that no KDC answers', async () => {
    await site.stopKdc()
    const { exit, stdout } = await site.call(
      'htgettoken',
      words(),
      site.env('dunepro', { KRB5CCNAME: `FILE:${join(site.dir, 'run', 'fresh')}` }),
    )
    assert.equal(exit, 1)
    assert.match(
      stdout,
      /Kerberos init failed: GSSError: Major .*: Cannot contact any KDC for realm 'SANDBOX.TEST'/,
    )
  })

  it('never shows a token in the record of calls and requests', () => {
    const records = ['calls.jsonl', 'vault/requests.jsonl']
      .map((file) => readFileSync(join(site.dir, file), 'utf8'))
      .join('')
    assert.ok(site.issuedTokens().length > 5)
    for (const { token } of site.issuedTokens()) assert.equal(records.includes(token), false)
  })
})

async function openInBrowser(url: string, caFile: string): Promise<void> {
  const browser = spawn('curl', ['-sf', '--cacert', caFile, '-o', '/dev/null', url], { stdio: 'ignore' })
  assert.deepEqual(await once(browser, 'exit'), [0, null])
}
