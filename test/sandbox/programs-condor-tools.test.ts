import assert from 'node:assert/strict'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { creddFile } from '../../sandbox/layout.ts'
import { startVaultSite, type VaultSite, writeCondorConfig } from './vault-site.ts'

describe('the other condor programs (stand-ins)', () => {
  let site: VaultSite
  let env: Record<string, string>
  let top: string
  before(async () => {
    site = await startVaultSite()
    env = site.env('dunepro')
    top = creddFile(site.layout, 'credd1.sandbox.test', 'dunepro', 'dune_production')
    const pools = [
      { collector: 'collector.sandbox.test', constraint: 'IsDune', schedds: ['credd1.sandbox.test'] },
      {
        collector: 'collector.sandbox.test',
        constraint: 'IsMu2e',
        schedds: ['credd1.sandbox.test', 'credd2.sandbox.test'],
      },
    ]
    writeFileSync(site.layout.facts, JSON.stringify({ pools }))
  })
  after(() => site[Symbol.asyncDispose]())
  afterEach(() => site.setFaults({}))

  const credential = (issuer: string) =>
    JSON.stringify({
      vault_token: 'hvs.x',
      vault_url: `https://localhost:8200/v1/secret/oauth/creds/${issuer}/key:production`,
    })
  const wordsFor = (
    issuer: string,
    { _condor_SEC_CREDENTIAL_GETTOKEN_OPTS = '' }: Record<string, string>,
  ) => [
    ...[..._condor_SEC_CREDENTIAL_GETTOKEN_OPTS.split(' '), '-i', issuer, '-r', 'production', '--nooidc'],
    ...['--nobearertoken', `--vaulttokenfile=${join(site.dir, 'run', 'vt')}`],
  ]
  const storeCred = (argv: string[], input?: string, more: Record<string, string> = {}) =>
    site.call('condor_store_cred', argv, { ...env, ...more }, input)

  it('condor_store_cred adds, finds and deletes a credential of the account of the ticket', async () => {
    const absent = await storeCred(['query-oauth', '-s', 'dune_production'])
    assert.equal(absent.exit, 1)
    assert.match(
      absent.stdout,
      /^Account: <current> \(\w+\)\nCredType: oauth\n\nNo credential is stored\.\n$/,
    )
    const added = await storeCred(['add-oauth', '-s', 'dune_production', '-i', '-'], credential('dune'))
    assert.equal(added.exit, 0)
    assert.match(
      added.stdout,
      /\nOperation succeeded and is waiting for processing\.\n\nCredential info:\nfully_qualified_user = "dunepro@sandbox\.test"\n/,
    )
    assert.equal(existsSync(top), true)
    const found = await storeCred(['query-oauth', '-s', 'dune_production'])
    assert.equal(found.exit, 0)
    assert.match(
      found.stdout,
      /\nA credential was stored and is valid\.\n\nCredential info:\nTopdune_productionTime = \d+\ndune_production = \d+\nfully_qualified_user = .*\n/,
    )
    const again = await storeCred(['add-oauth', '-s', 'dune_production', '-i', '-'], credential('dune'))
    assert.match(again.stdout, /\nOperation succeeded\. Credential was stored on \d{4}-\d\d-\d\d \d\d:/)
    assert.equal((await storeCred(['delete-oauth', '-s', 'dune_production'])).exit, 0)
    assert.equal(existsSync(top), false)
    const nothing = await storeCred(['delete-oauth', '-s', 'dune_production'])
    assert.equal(nothing.exit, 0)
    assert.match(nothing.stdout, /\nOperation succeeded\.\n\nCredential info:\nfully_qualified_user = /)
  })

  it('condor_store_cred cannot read a broken credential, and takes the monitor’s file alone for a valid one', async () => {
    await storeCred(['add-oauth', '-s', 'dune_production', '-i', '-'], credential('dune'))
    writeFileSync(top, '')
    const broken = await storeCred(['query-oauth', '-s', 'dune_production'])
    assert.deepEqual([broken.exit, broken.stderr], [1, 'Failure parsing credential as JSON\n'])
    rmSync(top)
    const { exit, stdout } = await storeCred(['query-oauth', '-s', 'dune_production'])
    assert.equal(exit, 0)
    assert.match(stdout, /A credential was stored and is valid\./)
    assert.doesNotMatch(stdout, /Top/)
    await storeCred(['delete-oauth', '-s', 'dune_production'])
  })

  it('condor_store_cred says that a credential waits while no credential monitor has looked at it', async () => {
    site.setFaults({ 'credmon-down': ['credd1'] })
    await storeCred(['add-oauth', '-s', 'dune_production', '-i', '-'], credential('dune'))
    const { exit, stdout } = await storeCred(['query-oauth', '-s', 'dune_production'])
    assert.equal(exit, 0)
    assert.match(
      stdout,
      /\nA credential was stored and is waiting for processing\.\n\nCredential info:\nTopdune_productionTime = \d+\nfully_qualified_user = .*\n/,
    )
    await storeCred(['delete-oauth', '-s', 'dune_production'])
  })

  it('condor_store_cred notices a credential of another service', async () => {
    const { exit, stderr } = await storeCred(
      ['add-oauth', '-s', 'nova_production', '-i', '-'],
      credential('dune'),
    )
    assert.equal(exit, 1)
    assert.match(stderr, /MISUSE: a credential of dune_production was to be stored for nova_production/)
  })

  it('condor_store_cred notices a vault token of somebody else', async () => {
    const mu2e = site.env('mu2epro')
    await site.call('htgettoken', wordsFor('mu2e', mu2e), mu2e)
    const isTheirs = (one: { kind: string; service: string }) =>
      one.kind === 'vault' && one.service === 'mu2e_production'
    const token = site.issuedTokens().find(isTheirs)?.token ?? ''
    const credd = { _condor_CREDD_HOST: 'credd1.sandbox.test' }
    const stolen = credential('dune').replace('hvs.x', token)
    const { exit, stderr } = await storeCred(['add-oauth', '-s', 'dune_production', '-i', '-'], stolen, credd)
    assert.equal(exit, 1)
    assert.match(stderr, /MISUSE: a vault token of mu2epro\S* was to be stored by dunepro/)
  })

  it('condor_store_cred tells other scopes by exit 2', async () => {
    await storeCred(['add-oauth', '-s', 'dune_production', '-S', 'a', '-i', '-'], credential('dune'))
    assert.equal((await storeCred(['query-oauth', '-s', 'dune_production', '-S', 'a'])).exit, 0)
    for (const scopes of [['-S', 'b'], []]) {
      const { exit, stderr } = await storeCred(['query-oauth', '-s', 'dune_production', ...scopes])
      assert.equal(exit, 2)
      assert.equal(stderr, 'Credential was found but it did not match requested scopes or audience\n')
    }
    await storeCred(['delete-oauth', '-s', 'dune_production'])
  })

  for (const [what, faults, credd, why] of [
    ['is down', { 'credd-down': ['credd1'] }, 'credd1.sandbox.test', /attempt to connect to .* failed/],
    ['does not exist', {}, 'credd9.sandbox.test', /attempt to connect to .* failed/],
    ['lets nobody write', { 'credd-refuses': ['credd1'] }, 'credd1.sandbox.test', /Received "DENIED"/],
    [
      'takes no login',
      { 'credd-refuses-login': ['credd1'] },
      'credd1.sandbox.test',
      /required authentication with credd at \S+ failed/,
    ],
  ] as const) {
    it(`condor_store_cred says no more than "Operation failed." when the credd ${what}, unless it is debugged`, async () => {
      site.setFaults(faults as never)
      const words = ['query-oauth', '-s', 'dune_production']
      const { exit, stdout, stderr } = await storeCred(words, '', { _condor_CREDD_HOST: credd })
      assert.equal(exit, 1)
      assert.match(
        stdout,
        /Operation failed\.\n {4}Make sure your ALLOW_WRITE setting includes this host\.\n$/,
      )
      assert.equal(stderr, '')
      const debugged = await storeCred([...words, '-d'], '', { _condor_CREDD_HOST: credd })
      assert.equal(debugged.stdout, stdout)
      assert.match(debugged.stderr, why)
    })
  }

  it('condor_store_cred lets nobody act for another account', async () => {
    const own = await storeCred(
      ['add-oauth', '-u', 'dunepro@sandbox.test', '-s', 'dune_production', '-i', '-'],
      credential('dune'),
    )
    assert.equal(own.exit, 0)
    const other = await storeCred(['query-oauth', '-u', 'mu2epro@sandbox.test', '-s', 'dune_production'])
    assert.equal(other.exit, 1)
    assert.equal(other.stderr, 'Operation failed because it is not allowed\n')
  })

  it('condor_status lists the schedds that a constraint selects', async () => {
    const argv = ['-schedd', '-constraint', 'IsMu2e', '-af', 'Name']
    assert.deepEqual(await site.call('condor_status', argv, env), {
      exit: 0,
      stdout: 'credd1.sandbox.test\ncredd2.sandbox.test\n',
      stderr: '',
    })
    const { _condor_COLLECTOR_HOST: _, ...bare } = env
    const byPool = await site.call(
      'condor_status',
      ['-pool', 'collector.sandbox.test', '-schedd', '-constraint', 'IsDune', '-af', 'Name'],
      bare,
    )
    assert.equal(byPool.stdout, 'credd1.sandbox.test\n')
    const none = await site.call('condor_status', ['-schedd', '-constraint', 'IsNova', '-af', 'Name'], env)
    assert.deepEqual(none, { exit: 0, stdout: '', stderr: '' })
  })

  it('condor_status fails when the collector is down, or when nobody says which one to ask', async () => {
    site.setFaults({ 'collector-down': ['collector'] })
    const down = await site.call('condor_status', ['-schedd', '-af', 'Name'], env)
    assert.equal(down.exit, 1)
    assert.match(down.stderr, /CEDAR:6001:Failed to connect to <collector\.sandbox\.test>/)
    const { _condor_COLLECTOR_HOST: _, ...bare } = env
    assert.match(
      (await site.call('condor_status', ['-schedd', '-af', 'Name'], bare)).stderr,
      /MISUSE: neither -pool nor/,
    )
  })

  it('condor_config_val prints a value, which the environment overrides', async () => {
    writeCondorConfig(site, { SEC_CREDENTIAL_GETTOKEN_OPTS: '-a vault' })
    const { _condor_SEC_CREDENTIAL_GETTOKEN_OPTS: _, ...bare } = env
    assert.deepEqual(await site.call('condor_config_val', ['SEC_CREDENTIAL_GETTOKEN_OPTS'], bare), {
      exit: 0,
      stdout: '-a vault\n',
      stderr: '',
    })
    assert.match(
      (await site.call('condor_config_val', ['sec_credential_gettoken_opts'], env)).stdout,
      /^-a localhost:/,
    )
    assert.deepEqual(await site.call('condor_config_val', ['CREDMON'], env), {
      exit: 1,
      stdout: '',
      stderr: 'Not defined: CREDMON\n',
    })
  })
})
